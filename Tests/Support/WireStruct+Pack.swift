import Protocol

extension WireStruct {
    /// The wire form of many, one behind the other. Starts from a pattern, so that a byte which `store`
    /// leaves out shows in a comparison.
    public static func pack(_ items: [Self]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xaa, count: items.count * sizeBytes)
        bytes.withUnsafeMutableBytes { buffer in
            for (index, item) in items.enumerated() {
                item.store(to: buffer.baseAddress! + index * sizeBytes)
            }
        }
        return bytes
    }

    /// Reads `bytes` as many of these; nil if their size is not a multiple.
    public static func unpack(_ bytes: [UInt8]) -> [Self]? {
        guard bytes.count.isMultiple(of: sizeBytes) else { return nil }
        return bytes.withUnsafeBytes { buffer in
            (0..<(bytes.count / sizeBytes)).map { Self(buffer.baseAddress! + $0 * sizeBytes) }
        }
    }
}
