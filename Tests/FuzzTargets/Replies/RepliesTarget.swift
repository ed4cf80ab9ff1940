import Dispatch
import FuzzEngine
import Fuzzing
import NIOCore
import NIOEmbedded
import Protocol

@testable import TimesaleClient

/// What a server sends that the client library cannot trust: its connection, from the handshake on, with calls under
/// way, up to their outcomes.
///
/// The first bytes of an input:
///
///     0   bit 0: the handshake is answered as it should be, and the rest follows it
///         bit 1: frames are made whole: magic, version, length, request id of what is under way, count and checksum
///         bits 2 and 3: all bytes of what the calls ask for
///         bits 4 ...: how many calls there are, less one
///     1   which operation they are of
///     2   where the bytes are cut in two, in 256ths
///
/// Each call must have exactly one outcome when the connection has ended, and the client must be able to print it.
enum RepliesTarget {
    static let target = FuzzTarget("replies", "what a server sends to the client library", sizeMaxBytes: 16_384) {
        input in
        guard input.count >= 3 else { return }
        exercises[Int(input[1]) % exercises.count](Script(input))
    }

    /// What the first bytes say.
    private struct Script {
        let isGreeted: Bool
        let mends: Bool
        let pattern: UInt8
        let callCount: Int
        let cut: Int
        let bytes: [UInt8]

        init(_ input: UnsafeRawBufferPointer) {
            isGreeted = input[0] & 1 != 0
            mends = input[0] & 2 != 0
            pattern = input[0] >> 2 & 3
            callCount = Int(input[0] >> 4) + 1
            bytes = Array(input.dropFirst(3))
            cut = Int(input[2]) * bytes.count / 256
        }
    }

    private static let exercises: [@Sendable (Script) -> Void] = [
        { run(PlaceOrder.self, $0) }, { run(ConfirmOrder.self, $0) }, { run(CancelOrder.self, $0) },
        { run(ExtendOrder.self, $0) }, { run(GetOrder.self, $0) }, { run(ListUserOrders.self, $0) },
        { run(ListSaleOrders.self, $0) }, { run(CreateSale.self, $0) }, { run(RestockSale.self, $0) },
        { run(CloseSale.self, $0) }, { run(GetSale.self, $0) }, { run(ListSales.self, $0) },
        { run(EarnPoints.self, $0) }, { run(UsePoints.self, $0) }, { run(CancelTransaction.self, $0) },
        { run(GetTransaction.self, $0) }, { run(GetBalance.self, $0) }, { run(ListTransactions.self, $0) },
        { run(CreatePolicy.self, $0) }, { run(RestockPolicy.self, $0) }, { run(ClosePolicy.self, $0) },
        { run(GetPolicy.self, $0) }, { run(ListPolicies.self, $0) }, { run(IssueCoupon.self, $0) },
        { run(UseCoupon.self, $0) }, { run(RestoreCoupon.self, $0) }, { run(GetCoupon.self, $0) },
        { run(ListUserCoupons.self, $0) }, { run(PlaceCheckout.self, $0) }, { run(ConfirmCheckout.self, $0) },
        { run(CancelCheckout.self, $0) }, { run(GetCheckout.self, $0) }, { run(Ping.self, $0) },
        { run(GetStats.self, $0) }, { run(GetTopology.self, $0) }, { run(GetMirror.self, $0) },
        { run(TakeSnapshot.self, $0) }, { run(FollowLog.self, $0) },
    ]

    /// The operations by the byte that chooses them.
    static let operations: [Operation] = [
        .order, .confirm, .cancel, .extend, .getOrder, .listUserOrders, .listSaleOrders, .createSale, .restockSale,
        .closeSale, .getSale, .listSales, .earnPoints, .usePoints, .cancelTransaction, .getTransaction, .getBalance,
        .listTransactions, .createPolicy, .restockPolicy, .closePolicy, .getPolicy, .listPolicies, .issueCoupon,
        .useCoupon, .restoreCoupon, .getCoupon, .listUserCoupons, .placeCheckout, .confirmCheckout, .cancelCheckout,
        .getCheckout, .ping, .stats, .topology, .mirror, .snapshot, .tail,
    ]

    private static func run<Call: WireCall>(_ call: Call.Type, _ script: Script) {
        let loop = EmbeddedEventLoop()
        let configuration = ClientConfiguration(addresses: [.unix(path: "unused")])
        let pool = ConnectionPool(configuration, token: Name(), eventLoop: loop)
        // No attempt is begun: whatever else the pool wants is under way already.
        pool.scout.isConnecting = true
        for index in pool.links.indices { pool.links[index].isConnecting = true }
        let queue = CallQueue<Call>(shard: 0, limits: QueueLimits(configuration), counters: pool.counters) {
            pool.wake($0)
        }
        let batch = CallBatch<Call.Answer>(count: script.callCount)
        let entry = withUnsafeTemporaryAllocation(byteCount: Call.Entry.sizeBytes, alignment: 16) { memory in
            memory.initializeMemory(as: UInt8.self, repeating: script.pattern)
            return Call.Entry(memory.baseAddress!)
        }
        queue.state.withLock { state in
            _ = state.slots.admit(script.callCount, max: .max)
            for index in 0..<script.callCount {
                state.slots.append(state.slots.take(entry, .batch(batch, index), deadlineNs: .max, .reserved))
            }
        }
        let connection = ServerConnection(pool: pool, wantedShard: 0, token: Name())
        let channel = EmbeddedChannel(handler: connection, loop: loop)
        pool.wake(queue)
        channel.connect(to: try! SocketAddress(unixDomainSocketPath: "unused"), promise: nil)
        loop.run()
        serve(channel, script)
        // What the server was too busy for is sent again.
        loop.advanceTime(by: .milliseconds(100))
        connection.end(.closed)
        queue.abandon()
        pool.isClosed = true
        loop.run()
        _ = try? channel.finish(acceptAlreadyClosed: true)
        print(outcomes(of: batch))
    }

    // MARK: The server

    private static func serve(_ channel: EmbeddedChannel, _ script: Script) {
        var bytes = script.bytes
        if script.isGreeted { feed(FuzzLink.handshakeReply, channel) }
        if script.mends { mend(&bytes, requestIds(of: channel)) }
        feed(Array(bytes[..<script.cut]), channel)
        feed(Array(bytes[script.cut...]), channel)
    }

    private static func feed(_ bytes: [UInt8], _ channel: EmbeddedChannel) {
        guard channel.isActive, !bytes.isEmpty else { return }
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.embeddedEventLoop.run()
    }

    /// Of the frames that the client has sent, the handshake apart.
    private static func requestIds(of channel: EmbeddedChannel) -> [(id: UInt64, operation: UInt8, count: Int)] {
        var sent: [UInt8] = []
        while let buffer = try? channel.readOutbound(as: ByteBuffer.self) { sent += buffer.readableBytesView }
        var found: [(id: UInt64, operation: UInt8, count: Int)] = []
        sent.withUnsafeBytes { sent in
            var offset = 0
            while sent.count - offset >= Frame.headerSizeBytes {
                let frame = sent.baseAddress! + offset
                let header = FrameHeader(frame)
                expect(FrameHeader.hasMagic(frame) && header.checksumMatches(frame), "the client sent no frame")
                if header.operation != Operation.handshake.rawValue {
                    found.append((header.requestId, header.operation, header.count))
                }
                offset += header.lengthBytes
            }
        }
        return found
    }

    private static func mend(_ bytes: inout [UInt8], _ sent: [(id: UInt64, operation: UInt8, count: Int)]) {
        guard !sent.isEmpty else { return }
        bytes.withUnsafeMutableBytes { bytes in
            var offset = 0
            var next = 0
            while bytes.count - offset >= Frame.headerSizeBytes {
                let frame = bytes.baseAddress! + offset
                let header = FrameHeader(frame)
                let room = bytes.count - offset - Frame.headerSizeBytes
                let asked = sent[next % sent.count]
                let operation = Operation(rawValue: asked.operation)!
                let wanted = operation.answersList ? header.count : asked.count
                var count = header.status == .ok ? wanted : 0
                if count * operation.resultSizeBytes > room {
                    guard operation.answersList else { return }
                    count = room / operation.resultSizeBytes
                }
                let lengthBytes = Frame.headerSizeBytes + count * operation.resultSizeBytes
                FrameHeader.seal(
                    frame, operation: asked.operation, status: header.status, requestId: asked.id, count: count,
                    lengthBytes: lengthBytes, flags: header.flags | Frame.Flags.reply,
                    retryAfterMs: header.retryAfterMs)
                offset += lengthBytes
                next += 1
            }
        }
    }

    // MARK: The callers

    private final class Found<Answer: Sendable>: @unchecked Sendable {
        var outcomes: [Result<Answer, TimesaleError>] = []
    }

    /// Waits for what each caller gets. One that gets nothing, or more than one outcome, waits for ever.
    private static func outcomes<Answer>(of batch: CallBatch<Answer>) -> [Result<Answer, TimesaleError>] {
        let (found, done) = (Found<Answer>(), DispatchSemaphore(value: 0))
        Task {
            found.outcomes = await batch.wait()
            done.signal()
        }
        expect(done.wait(timeout: .now() + 20) == .success, "a call has no outcome, or more than one")
        return found.outcomes
    }

    private static func print<Answer>(_ outcomes: [Result<Answer, TimesaleError>]) {
        for outcome in outcomes {
            switch outcome {
            case .success(let answer): expect(!"\(answer)".isEmpty, "an answer has no text")
            case .failure(let error): expect(!"\(error)".isEmpty, "an error has no text")
            }
        }
    }
}
