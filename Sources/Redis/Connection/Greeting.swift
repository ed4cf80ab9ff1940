/// How a connection begins, and what the server says of itself. `HELLO` logs in, names us and tells mode and role in
/// one round, and no user needs a permission for it (https://redis.io/commands/hello, since Redis 6).
struct Greeting {
    enum Mode: Equatable {
        case standalone
        case cluster
        case sentinel
    }

    private(set) var mode = Mode.standalone
    private(set) var isMaster = true
    /// Such as `7.0.15`.
    private(set) var version = ""

    init() {}

    init(
        _ connection: Connection, _ address: RedisAddress, clientName: String, until deadline: Deadline
    ) throws(RedisFault) {
        let name = connection.address
        var hello = [Array("HELLO".utf8), Array("2".utf8)]
        do throws(RedisCredentials.PasswordFault) {
            if let password = try address.credentials.currentPassword() {
                hello += [Array("AUTH".utf8), Array((address.credentials.user ?? "default").utf8), password]
            }
        } catch {
            throw .authentication(address: name, why: error.why)
        }
        hello += [Array("SETNAME".utf8), Array(clientName.utf8)]
        var commands = [RedisCommand(hello)]
        if address.database != 0 { commands.append(RedisCommand(["SELECT", "\(address.database)"])) }

        let replies = try connection.exchange(commands, until: deadline)
        if let code = replies[0].errorCode { throw Self.fault(replies[0], code, name) }
        guard case .array(let fields) = replies[0], fields.count % 2 == 0 else {
            throw .protocolError(address: name, why: "its answer to HELLO is no list")
        }
        for place in stride(from: 0, to: fields.count, by: 2) {
            guard let value = fields[place + 1].text else { continue }
            switch fields[place].text {
            case "mode": mode = value == "cluster" ? .cluster : value == "sentinel" ? .sentinel : .standalone
            case "role": isMaster = value == "master"
            case "version": version = value
            default: break
            }
        }
        if replies.count > 1, let code = replies[1].errorCode {
            if mode == .cluster { throw .refused(address: name, why: "a cluster has only the database 0") }
            throw Self.fault(replies[1], code, name)
        }
    }

    /// The server's own words, but for those about passwords, which are put plainly. It does not repeat a password.
    private static func fault(_ reply: RedisReply, _ code: Substring, _ name: String) -> RedisFault {
        guard case .error(let text) = reply else { return .protocolError(address: name, why: "no error") }
        switch code {
        case "NOAUTH": return .authentication(address: name, why: "NOAUTH, it wants a password")
        case "WRONGPASS":
            return .authentication(address: name, why: "WRONGPASS, it does not know this user with this password")
        case "NOPERM": return .authentication(address: name, why: text.bounded)
        case "ERR" where text.contains("unknown command"):
            return .refused(address: name, why: "it does not know HELLO; Redis 6 or later is needed")
        default: return .refused(address: name, why: text.bounded)
        }
    }
}

extension String {
    /// One line that is not too long for a log.
    var bounded: String { String(prefix(200).map { $0.isNewline ? " " : $0 }) }
}
