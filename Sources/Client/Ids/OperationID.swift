internal import Protocol

/// What makes creating and restocking a sale or a policy happen exactly once: as a `UserOperationID` does for what
/// belongs to a user.
public struct OperationID: Hashable, Sendable {
    var wire: Id128

    /// A new id (version 7). From any thread.
    public static func mint() -> OperationID {
        OperationID(wire: IdMint.version7(partition: Partition.catalogue))
    }

    init(wire: Id128) { self.wire = wire }

    /// The id for a key (version 8): the function of `UserOperationID.init(idempotencyKey:for:scope:)` for the user
    /// whose 16 bytes are zero, in partition 0.
    public init(idempotencyKey key: String, scope: String = "") {
        wire = IdMint.version8(key: key, scope: scope, user: .zero, partition: Partition.catalogue)
    }
}

extension OperationID: CustomStringConvertible, LosslessStringConvertible {
    /// Reads a UUID of version 7 or 8 in either case; nil for anything else.
    public init?(_ text: String) {
        guard let id = Id128(text), id.isOperationId else { return nil }
        self.init(wire: id)
    }

    public var description: String { wire.description }
}
