import Settings
import Synchronization

/// Who may ask: the bearer tokens of the token file. They are replaced as a whole while the sidecar runs; any thread.
final class Authentication: Sendable {
    private let tokens: Mutex<[Token]>

    init(_ tokens: [Token]) { self.tokens = Mutex(tokens) }

    /// Puts other tokens in the place of all, for every request from now on.
    func replace(_ tokens: [Token]) -> (added: Int, removed: Int) {
        self.tokens.withLock { before in
            let added = tokens.count { token in
                !before.contains { $0.scope == token.scope && $0.isSame(as: token.bytes) }
            }
            defer { before = tokens }
            return (added, before.count - (tokens.count - added))
        }
    }

    /// - Parameter header: of `Authorization`.
    func check(_ header: String?, _ wanted: Scope) throws(Problem) {
        guard wanted != .none else { return }
        let tokens = tokens.withLock { $0 }
        guard !tokens.isEmpty else { return }
        guard let header else { throw Problem(.unauthenticated, "send Authorization: Bearer TOKEN") }
        let scheme = header.prefix(7)
        guard scheme.lowercased() == "bearer " else {
            throw Problem(.unauthenticated, "send Authorization: Bearer TOKEN")
        }
        let given = Array(header.utf8.dropFirst(7).drop { $0 == UInt8(ascii: " ") })
        var found: Scope?
        // All are compared, each to its end: how long it takes tells nothing about any of them.
        for token in tokens where token.isSame(as: given) {
            found = token.scope == .admin ? .admin : .shop
        }
        guard let found else { throw Problem(.unauthenticated, "the token is not one of this sidecar's") }
        guard found >= wanted else {
            var problem = Problem(.forbidden, "this needs a token with the scope \(wanted.rawValue)")
            problem.scope = wanted
            throw problem
        }
    }
}
