internal import Protocol

/// An order: a UUID of version 7 or 8 that the client chooses before it sends, and that carries the partition of
/// its user, so that what is done by the id alone finds its shard.
///
/// **The id is what makes an order happen exactly once.** The same id with the same content is the same order,
/// however often it is sent, also after a restart of client or server. So choose it *before* the first attempt
/// and keep it as long as the outcome matters:
///
/// - `OrderID.mint(for:)` makes a new one (version 7: the time and 62 bits that do not repeat). Store it beside
///   the basket, then order.
/// - `OrderID(idempotencyKey:for:scope:)` derives one (version 8) from a key that the caller's caller repeats,
///   such as an HTTP `Idempotency-Key`. Nothing has to be stored: equal key, equal id.
public struct OrderID: Hashable, Sendable {
    var wire: Id128

    init(wire: Id128) { self.wire = wire }

    /// A new id for an order of `user`. From any thread; no system call but the clock.
    public static func mint(for user: UserID) -> OrderID {
        OrderID(wire: IdMint.version7(partition: Partition.of(user: user.wire)))
    }

    /// The id for a key. A pure function that never changes, the same in every client that follows this page:
    ///
    ///     SHA-256( "timesale:id:1" 00  user: 16 bytes, network order
    ///              size of scope: 8 bytes, big-endian  scope: UTF-8  key: UTF-8 )
    ///
    /// of which bytes 0 ..< 6 are the first 48 bits of the id and the low 62 bits of bytes 8 ..< 16 its last 62; in
    /// between stand version 8, the partition of the user and the variant. `scope` keeps keys apart that mean
    /// different things, such as the path of an HTTP request.
    ///
    /// A version 8 id carries no age: a key must not be used again for something else, and a retry must come
    /// within the server's retention time (`Topology.retainMs`).
    public init(idempotencyKey key: String, for user: UserID, scope: String = "") {
        wire = IdMint.version8(
            key: key, scope: scope, user: user.wire, partition: Partition.of(user: user.wire))
    }

    /// The two halves of the 128 bits. Nothing is checked: the server refuses what is no id (`invalidId`).
    public init(high: UInt64, low: UInt64) { wire = Id128(high: high, low: low) }

    public var high: UInt64 { wire.high }
    public var low: UInt64 { wire.low }

    /// When a version 7 id was minted, in ms since 1970; nil for version 8.
    public var mintedAtMs: UInt64? { wire.mintTimeMs }
}

extension OrderID: CustomStringConvertible, LosslessStringConvertible {
    /// Reads a UUID in either case; nil for anything else, and for a UUID that is no order's (another version).
    public init?(_ text: String) {
        guard let id = Id128(text), id.isOperationId else { return nil }
        self.init(wire: id)
    }

    /// The UUID in lower case.
    public var description: String { wire.description }
}
