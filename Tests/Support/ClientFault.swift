import Protocol

/// Why a call of `TestClient` has no result.
public enum ClientFault: Error, Equatable {
    /// The connection could not be made, for this `errno`.
    case unreachable(errno: Int32)
    /// The server closed or reset the connection.
    case closed
    /// The deadline passed.
    case timedOut
    /// The server answered the whole frame with a status other than OK.
    case refused(ResultCode, retryAfterMs: UInt32)
    /// The server sent something that the protocol does not allow, described here.
    case protocolFault(String)
    /// A system call failed that should not.
    case system(call: String, errno: Int32)
}
