// image: from the operator's engine to a machine, without the layers that are there already.
#include <algorithm>
#include <format>

#include <fcntl.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/image_archive.h"
#include "cli/commands.h"
#include "cli/image_machines.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

struct Pushed {
  ArchivedImage image;
  ReducedSize size;
};

std::unexpected<Error> engine_error(std::string what, const Finished& finished) {
  std::string why = finished.err.substr(0, finished.err.find('\n'));
  return fail(Code::precondition, std::format("{}: {}", what, why),
              "build or pull it first: docker images");
}

Result<std::string> local_image_id(Session& session, const std::string& image) {
  const Command command{{"docker", "image", "inspect", "--format", "{{.Id}}", image}};
  const auto found = TRY(session.host().run(command, {}));
  if (!found.ok())
    return engine_error(std::format("no image {} in this computer's engine", image), found);
  return found.out.substr(0, found.out.find('\n'));
}

// `docker save` into a file that is gone when it is closed: the archive's index is at its end.
Result<ImageArchive> spool(Session& session, const std::string& image) {
  const auto folder = session.host().env("TMPDIR").value_or("/var/tmp");
  std::string pattern = folder + "/ployzctl-image-XXXXXX";
  Fd file(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!file) return fail(Code::precondition, "cannot make a file in " + folder, "set TMPDIR");
  const std::string target = pattern;
  RunOptions options;
  options.timeout = std::chrono::minutes(30);
  auto saved = session.host().run(Command{{"docker", "save", "--output", target, image}}, options);
  // docker writes to a file of its own and renames it: what we opened is no longer that.
  if (saved && saved->ok()) file = Fd(::open(target.c_str(), O_RDONLY | O_CLOEXEC));
  ::unlink(target.c_str());
  if (!saved) return fail(std::move(saved).error());
  if (!saved->ok()) return engine_error("docker save " + image, *saved);
  return ImageArchive::open(std::move(file));
}

Result<Pushed> send(Session& session, const ApiClient& client, const ImageArchive& archive,
                    const std::string& id, const std::string& reference, bool whole) {
  std::vector<std::vector<std::string>> present;
  const Json images = TRY(client.images());
  if (!whole)
    for (const Json& image : list_of(images, "images"))
      present.push_back(TRY(get_strings(image, "layers")));
  const ArchivedImage* image = archive.find(id);
  if (image == nullptr)
    return fail(Code::corrupt, std::format("the archive of {} does not contain it", reference));
  const auto reader = TRY(archive.reduce(*image, present));
  session.progress(std::format("sending {} in {} layers; {} are there already",
                               format_bytes(reader->size().bytes), reader->size().layers_sent,
                               reader->size().layers_skipped));
  const auto source = [&](std::span<char> into) { return reader->read(into); };
  const Json loaded = TRY(client.image_load(source, image->id, reference, {}));
  if (text_of(loaded, "id") != image->id)
    return fail(Code::corrupt,
                std::format("the machine has {} instead of {}", text_of(loaded, "id"), image->id));
  return Pushed{*image, reader->size()};
}

Answer pushed_answer(const std::string& reference, const std::string& machine, Pushed pushed) {
  const bool unchanged = pushed.size.bytes == 0;
  Answer answer;
  answer.document = {{"outcome", unchanged ? "unchanged" : "pushed"},
                     {"image", reference},
                     {"id", pushed.image.id},
                     {"machine", machine},
                     {"bytes_sent", pushed.size.bytes},
                     {"layers_sent", pushed.size.layers_sent},
                     {"layers_skipped", pushed.size.layers_skipped}};
  answer.text = unchanged ? std::format("{} ({}) is on {} already\n", reference,
                                        short_digest(pushed.image.id), machine)
                          : std::format("{} ({}) is on {}: {} sent, {} layers sent, {} skipped\n",
                                        reference, short_digest(pushed.image.id), machine,
                                        format_bytes(pushed.size.bytes), pushed.size.layers_sent,
                                        pushed.size.layers_skipped);
  return answer;
}

// To the context's machine.
Result<Answer> push_here(Session& session, const ApiClient& client, const std::string& reference,
                         const std::string& machine) {
  const auto id = TRY(local_image_id(session, reference));
  // The tag must point at it there too, or a deploy would resolve the old one.
  if (const auto there = client.image(reference); there && text_of(*there, "id") == id) {
    const auto layers = list_of(*there, "layers").size();
    return pushed_answer(reference, machine, {{id, {reference}, {}}, {0, 0, layers}});
  }
  session.progress(std::format("saving {} ({})", reference, short_digest(id)));
  const auto archive = TRY(spool(session, reference));
  // An engine that keeps images in containerd names them by their manifest: then the archive tells
  // the config's digest, which is what machines go by.
  const std::string wanted = archive.find(id) != nullptr ? id : reference;
  auto pushed = send(session, client, archive, wanted, reference, false);
  if (!pushed && pushed.error().code == Code::corrupt) {
    session.progress("a layer went away there in the meantime; sending the whole image");
    pushed = send(session, client, archive, wanted, reference, true);
  }
  return pushed_answer(reference, machine, TRY(std::move(pushed)));
}

// Once to the context's machine, which then sends it to the others.
Result<Answer> run_push(Session& session, const Args& args) {
  const auto reference = args.get("IMAGE");
  const auto to = args.all("to");
  if (to.empty()) return fail(Code::invalid, "--to is missing", "ployzctl machine ls");
  const auto* client = TRY(session.client());
  const auto machines = TRY(machines_named(*client, to));
  const auto all = TRY(machines_named(*client, {"all"}));
  const auto self = std::ranges::find(all, true, &NamedMachine::self);
  if (self == all.end())
    return fail(Code::precondition, "the context's machine belongs to no network",
                "ployzctl mesh init");
  Answer here = TRY(push_here(session, *client, reference, self->name));
  std::vector<NamedMachine> others = machines;
  std::erase_if(others, [](const NamedMachine& machine) { return machine.self; });
  if (others.empty()) return here;
  session.progress(here.text.substr(0, here.text.find('\n')));
  Answer there = TRY(distribute(session, reference, &*self, others));
  here.document["machines"] = list_of(there.document, "machines");
  return Answer{std::move(here.document), here.text + there.text, there.exit_code};
}

Result<Answer> run_inspect(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  Json image = TRY(client->image(args.get("IMAGE")));
  const std::string references = joined(list_of(image, "references"));
  auto text = render_fields({{"id", text_of(image, "id")},
                             {"references", references},
                             {"size", format_bytes(number_of(image, "size_bytes"))},
                             {"layers", std::format("{}", list_of(image, "layers").size())}},
                            session.style());
  return Answer{std::move(image), std::move(text)};
}

Result<Answer> run_status(Session& session, const Args& args) {
  if (args.has("IMAGE")) return image_on_machines(session, args.get("IMAGE"));
  const auto* client = TRY(session.client());
  Json document = TRY(client->images());
  Table table({"IMAGE", "ID", "SIZE", "LAYERS"});
  for (const Json& image : list_of(document, "images")) {
    const auto& references = list_of(image, "references");
    const auto add = [&](const std::string& reference) {
      table.row({reference, short_digest(text_of(image, "id")),
                 format_bytes(number_of(image, "size_bytes")),
                 std::format("{}", list_of(image, "layers").size())});
    };
    if (references.empty()) add("-");
    for (const Json& reference : references)
      if (reference.is_string()) add(reference.get<std::string>());
  }
  return Answer{std::move(document), table.render(session.style())};
}

}  // namespace

CommandSpec image_command() {
  return {.name = "image",
          .summary = "Images on machines",
          .examples = {"ployzctl image push ployz-samples/web:1 --to dev-local"},
          .children = {{.name = "push",
                        .summary = "Send an image from this computer's engine to machines",
                        .description = "Layers that are there already are not sent; the image's "
                                       "digest is verified. It goes to the context's machine once, "
                                       "and from there to the others.",
                        .examples = {"ployzctl image push ployz-samples/web:1 --to dev-local",
                                     "ployzctl image push ployz-samples/web:1 --to all"},
                        .options = {{"to", 0, "MACHINES", "names with commas between, or all", true,
                                     {}, Names::machine}},
                        .positionals = {{"IMAGE", "as docker names it"}},
                        .run = run_push},
                       image_distribute_command(),
                       {.name = "inspect",
                        .summary = "One image of the machine",
                        .examples = {"ployzctl image inspect ployz-samples/web:1"},
                        .positionals = {{"IMAGE", "reference or id"}},
                        .run = run_inspect},
                       {.name = "status",
                        .summary = "Which machines have an image, or all images of the context's",
                        .examples = {"ployzctl image status",
                                     "ployzctl image status ployz-samples/web:1"},
                        .positionals = {{"IMAGE", "reference or id", false}},
                        .run = run_status,
                        .aliases = {"ls"}}}};
}

}  // namespace ployz::cli
