import Protocol

/// What the bytes at the start of a stream are. Framing is lost where the magic or the length is wrong:
/// nothing behind it can be told apart, and the connection has to go.
public enum StreamFraming: Equatable, Sendable {
    case incomplete
    /// A whole frame of this length is there.
    case frame(lengthBytes: Int)
    case wrongMagic
    case wrongLength(UInt32)

    /// How many bytes are needed at least before `examine` can say more than `incomplete`; 0 if it does.
    @inline(__always)
    public static func missingBytes(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
        guard case .incomplete = examine(bytes, count) else { return 0 }
        return count < 12 ? 12 - count : Int(bytes.loadLE(8, as: UInt32.self)) - count
    }

    @inline(__always)
    public static func examine(_ bytes: UnsafeRawPointer, _ count: Int) -> StreamFraming {
        if count < 12 { return count >= 4 && !FrameHeader.hasMagic(bytes) ? .wrongMagic : .incomplete }
        guard FrameHeader.hasMagic(bytes) else { return .wrongMagic }
        let length: UInt32 = bytes.loadLE(8)
        guard length >= Frame.headerSizeBytes, length <= Frame.sizeMaxBytes else { return .wrongLength(length) }
        return count >= Int(length) ? .frame(lengthBytes: Int(length)) : .incomplete
    }
}

/// What is wrong with a whole frame, if anything.
public struct FrameFault: Equatable, Sendable {
    public var status: ResultCode
    /// Whether the connection has to go: what follows cannot be trusted, or will not be understood.
    public var closes: Bool

    /// Examines a whole frame. Answers nil if its entries may be looked at.
    public static func examine(_ header: FrameHeader, _ frame: UnsafeRawPointer) -> FrameFault? {
        guard header.checksumMatches(frame) else { return FrameFault(status: .badChecksum, closes: true) }
        guard header.version == Frame.version else { return FrameFault(status: .unsupportedVersion, closes: true) }
        guard header.status == .ok, header.flags == 0, header.retryAfterMs == 0 else {
            return FrameFault(status: .badFlags, closes: false)
        }
        guard let operation = Operation(rawValue: header.operation) else {
            return FrameFault(status: .unknownOperation, closes: false)
        }
        guard header.count >= 1, header.count <= operation.countMax else {
            return FrameFault(status: .badCount, closes: false)
        }
        guard header.lengthBytes == Frame.headerSizeBytes + header.count * operation.entrySizeBytes else {
            return FrameFault(status: .badLength, closes: false)
        }
        return nil
    }
}
