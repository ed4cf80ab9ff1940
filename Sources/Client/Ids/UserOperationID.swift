internal import Protocol

/// The id of something that is done for a user: a UUID of version 7 or 8 that the client chooses before it sends, and
/// that carries the partition of its user, so that what is done by the id alone finds its shard.
///
/// **The id is what makes it happen exactly once.** The same id with the same content is the same thing, however often
/// it is sent, also after a restart of client or server. So choose it *before* the first attempt and keep it as long
/// as the outcome matters:
///
/// - `mint(for:)` makes a new one (version 7: the time and 62 bits that do not repeat). Store it beside the basket,
///   then order.
/// - `init(idempotencyKey:for:scope:)` derives one (version 8) from a key that the caller's caller repeats, such as an
///   HTTP `Idempotency-Key`. Nothing has to be stored: equal key, equal id.
///
/// All of them share one namespace: an id that an order has is refused for a coupon (`idReused`).
public protocol UserOperationID: Hashable, Sendable, CustomStringConvertible, LosslessStringConvertible {
    /// The two halves of the 128 bits. Nothing is checked: the server refuses what is no id (`invalidId`).
    init(high: UInt64, low: UInt64)

    var high: UInt64 { get }
    var low: UInt64 { get }
}

extension UserOperationID {
    /// A new id for something of `user`. From any thread; no system call but the clock.
    public static func mint(for user: UserID) -> Self {
        Self(wire: IdMint.version7(partition: Partition.of(user: user.wire)))
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
        self.init(
            wire: IdMint.version8(
                key: key, scope: scope, user: user.wire, partition: Partition.of(user: user.wire)))
    }

    init(wire: Id128) { self.init(high: wire.high, low: wire.low) }

    var wire: Id128 { Id128(high: high, low: low) }

    /// When a version 7 id was minted, in ms since 1970; nil for version 8.
    public var mintedAtMs: UInt64? { wire.mintTimeMs }

    /// Reads a UUID in either case; nil for anything else, and for a UUID that is no such id (another version).
    public init?(_ text: String) {
        guard let id = Id128(text), id.isOperationId else { return nil }
        self.init(wire: id)
    }

    /// The UUID in lower case.
    public var description: String { wire.description }
}
