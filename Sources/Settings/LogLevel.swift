/// The least important message that is logged; the names are those of swift-log, so that each is a
/// `Logger.Level` too.
public enum LogLevel: String, CaseIterable, Sendable {
    case trace, debug, info, notice, warning, error, critical
}
