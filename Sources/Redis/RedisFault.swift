/// Why it is not known what has become of commands, or why there is no connection to send them over. Never shows a
/// password.
public enum RedisFault: Error, Equatable, Sendable {
    /// Nothing has been sent: there is no connection.
    case unreachable(address: String, why: String)
    /// The answers were not there in time. What has been sent may have been done, or may still be.
    case timedOut(address: String)
    /// The connection ended while answers were due.
    case closed(address: String, why: String)
    /// Redis does not accept the user or the password, or the user may not do what every connection begins with.
    case authentication(address: String, why: String)
    /// Redis is there and turns the connection away.
    case refused(address: String, why: String)
    /// What was to be written to is a replica, or there is nobody who knows the master.
    case notMaster(address: String, why: String)
    /// The other side does not speak as Redis does.
    case protocolError(address: String, why: String)
}

extension RedisFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreachable(let address, let why): "\(address) cannot be reached: \(why)"
        case .timedOut(let address): "\(address) did not answer in time"
        case .closed(let address, let why): "the connection to \(address) is lost: \(why)"
        case .authentication(let address, let why): "\(address) does not let us in: \(why)"
        case .refused(let address, let why): "\(address) turns us away: \(why)"
        case .notMaster(let address, let why): "\(address) is no master: \(why)"
        case .protocolError(let address, let why): "\(address) does not answer as Redis does: \(why)"
        }
    }
}
