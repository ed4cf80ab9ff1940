import CAtomics
import Protocol
import Synchronization

/// A secret that lets clients in.
public struct AccessToken: Sendable {
    let name: Name
    let isAdmin: Bool

    /// Nil if it is longer than 78 bytes.
    public init?(_ text: String, isAdmin: Bool) {
        guard let name = Name(text) else { return nil }
        self.name = name
        self.isAdmin = isAdmin
    }

    /// In a time that tells nothing about the token: all fields have the same size.
    func isSame(as given: Name) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: 2 * Name.sizeBytes, alignment: 8) { memory in
            let base = memory.baseAddress!
            name.store(to: base)
            given.store(to: base + Name.sizeBytes)
            return ts_is_same_secret(base, base + Name.sizeBytes, Name.sizeBytes)
        }
    }
}

/// Which tokens let clients in. The list is replaced as a whole while the server runs. Any thread.
final class AccessList: Sendable {
    /// What a token lets its client do. Its number stays its own as long as it is in the list, and is nobody's after
    /// it.
    struct Grant {
        var number: UInt32
        var isAdmin: Bool
    }

    private struct Entry {
        let token: AccessToken
        let number: UInt32
    }

    private struct State {
        var entries: [Entry] = []
        var nextNumber = AccessList.nobody + 1
    }

    /// Of everybody who came in while there were no tokens.
    private static let nobody: UInt32 = 0

    private let state = Mutex(State())
    private let changes = Atomic<UInt64>(0)

    init(_ tokens: [AccessToken]) { _ = replace(tokens) }

    /// How often the list was replaced: whoever has seen less has to look whether its clients are still let in.
    var changeCount: UInt64 { changes.load(ordering: .acquiring) }

    /// Puts other tokens in the place of all. A token that stays with its scope keeps its number.
    func replace(_ tokens: [AccessToken]) -> (added: Int, removed: Int) {
        state.withLock { state in
            let before = state.entries
            var added = 0
            state.entries = tokens.map { token in
                let same = before.first { $0.token.isAdmin == token.isAdmin && $0.token.isSame(as: token.name) }
                if let same { return same }
                added += 1
                defer { state.nextNumber += 1 }
                return Entry(token: token, number: state.nextNumber)
            }
            changes.add(1, ordering: .releasing)
            return (added, before.count - (tokens.count - added))
        }
    }

    /// What a token that was presented lets its client do; nil: it is not known. Without any tokens everybody is an
    /// administrator, since then only this host can connect.
    func find(_ given: Name) -> Grant? {
        state.withLock { state in
            if state.entries.isEmpty { return Grant(number: Self.nobody, isAdmin: true) }
            var found: Grant?
            // To the end, also past the one that it is: how long it takes tells nothing.
            for entry in state.entries where entry.token.isSame(as: given) {
                found = Grant(number: entry.number, isAdmin: entry.token.isAdmin)
            }
            return found
        }
    }

    /// Whether a client that came in with this number still may.
    func holds(_ number: UInt32) -> Bool {
        state.withLock { state in
            state.entries.isEmpty ? number == Self.nobody : state.entries.contains { $0.number == number }
        }
    }
}
