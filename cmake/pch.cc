// The translation unit that owns the shared precompiled header and what it declares extern.
template class nlohmann::basic_json<>;
#ifdef PLOYZ_FORMAT_ONCE
template std::__format::_Sink_iter<char>
std::__format::__do_vformat_to<std::__format::_Sink_iter<char>, char, std::format_context>(
    std::__format::_Sink_iter<char>, std::string_view,
    const std::basic_format_args<std::format_context>&, const std::locale*);
#endif
