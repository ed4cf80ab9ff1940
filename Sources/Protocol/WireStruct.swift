/// What all entries and results have in common: a fixed size, and their bytes.
public protocol WireStruct: Equatable, Sendable {
    static var sizeBytes: Int { get }

    /// Reads the `sizeBytes` bytes of one.
    init(_ bytes: UnsafeRawPointer)

    /// Writes all `sizeBytes` bytes, the reserved ones as zeros.
    func store(to bytes: UnsafeMutableRawPointer)
}
