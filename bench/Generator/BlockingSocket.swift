import Glibc

/// A socket as it is used before and after a load: whole messages, one at a time, each within a minute.
public struct BlockingSocket {
    let descriptor: Int32
    private static let patienceSeconds = 60

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    public init(connectingTo address: LoadPlan.Address) throws(LoadError) {
        self.init(try GeneratorConnection.connect(address))
    }

    public func send(_ bytes: [UInt8]) throws(LoadError) {
        var sent = 0
        while sent < bytes.count {
            let some = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard some > 0 else { throw LoadError(description: "the server went away") }
            sent += some
        }
    }

    /// At least one more byte behind `bytes`.
    public func receive(into bytes: inout [UInt8]) throws(LoadError) {
        let got = withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 1) { room in
            let got = recv(descriptor, room.baseAddress!, room.count, 0)
            if got > 0 { bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: room[..<got])) }
            return got
        }
        guard got > 0 else {
            throw LoadError(description: got == 0 ? "the server closed the connection" : "the server does not answer")
        }
    }

    public func close() { Glibc.close(descriptor) }
}
