import Synchronization

/// A member that keeps a struct in its place.
///
/// For each call of a method that does not change it, Swift 6.3 copies a noncopyable struct of plain members to
/// the stack: 584 bytes an order for the engine, a kilobyte a frame for the shard, half of the time of a small
/// frame. An `Atomic` must not move while it is used, so that a struct that holds one is handed on by address.
public struct InPlace: ~Copyable {
    private let anchor = Atomic<UInt8>(0)

    public init() {}
}
