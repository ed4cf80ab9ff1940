import Settings

/// Who may ask: the bearer tokens of the token file.
struct Authentication: Sendable {
    private let tokens: [Token]

    init(_ tokens: [Token]) { self.tokens = tokens }

    /// - Parameter header: of `Authorization`.
    func check(_ header: String?, _ wanted: Scope) throws(Problem) {
        guard !tokens.isEmpty, wanted != .none else { return }
        guard let header else { throw Problem(.unauthenticated, "send Authorization: Bearer TOKEN") }
        let scheme = header.prefix(7)
        guard scheme.lowercased() == "bearer " else {
            throw Problem(.unauthenticated, "send Authorization: Bearer TOKEN")
        }
        let given = Array(header.utf8.dropFirst(7).drop { $0 == UInt8(ascii: " ") })
        var found: Scope?
        // All are compared, each to its end: how long it takes tells nothing about any of them.
        for token in tokens where Authentication.isEqual(token.bytes, given) {
            found = token.scope == .admin ? .admin : .shop
        }
        guard let found else { throw Problem(.unauthenticated, "the token is not one of this sidecar's") }
        guard found >= wanted else {
            var problem = Problem(.forbidden, "this needs a token with the scope \(wanted.rawValue)")
            problem.scope = wanted
            throw problem
        }
    }

    /// In a time that depends on the length of `given` alone.
    static func isEqual(_ token: [UInt8], _ given: [UInt8]) -> Bool {
        var difference: UInt8 = token.count == given.count ? 0 : 1
        for (index, byte) in given.enumerated() {
            difference |= byte ^ token[index % max(1, token.count)]
        }
        return difference == 0
    }
}
