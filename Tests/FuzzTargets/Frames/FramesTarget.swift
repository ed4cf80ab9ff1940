import CAtomics
import FuzzEngine
import Fuzzing
import Log
import Protocol
import Shard
import SimulatedStorage

/// What clients send: streams of frames, through framing, the checks of a frame, the decoding of its entries and the
/// shards to the answer.
///
/// The first byte of an input says how the rest is taken:
///
///     bit 0   two shards instead of one
///     bit 1   the frames are made whole: magic, version, length, count and checksum are put right
///     bit 2   and the ids of operations get the partition of their users, so that they are not refused for it
///     bit 3   the connection is not an admin's
///
/// Of frames that are made whole, the upper 16 bits of the request id are the time that passes before, in units of
/// 100 ms. Every frame has to get one whole reply with a result for each entry; then no sale may be oversold and no
/// unit lost, and a start from what is on the disk, with as many shards and with others, has to come to the same state.
enum FramesTarget {
    static let target = FuzzTarget("frames", "what clients send, up to the answer", sizeMaxBytes: 16_384, run: run)

    private struct Options {
        let shards: Int
        let mends: Bool
        let mendsIds: Bool
        let isAdmin: Bool

        init(_ byte: UInt8) {
            shards = byte & 1 == 0 ? 1 : 2
            mends = byte & 2 != 0
            mendsIds = byte & 4 != 0
            isAdmin = byte & 8 == 0
        }
    }

    private struct Asked {
        var header: FrameHeader
        /// Of a frame that the checks refuse, or the shard as a whole.
        var mustBeRefused: ResultCode?
    }

    private static func run(_ input: UnsafeRawBufferPointer) {
        guard let first = input.first else { return }
        let options = Options(first)
        let stream = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count - 1, alignment: 16)
        defer { stream.deallocate() }
        stream.copyBytes(from: input.dropFirst())
        if options.mends { mend(stream, ids: options.mendsIds) }
        let shards = FuzzShards(shards: options.shards)
        let asked = serve(UnsafeRawBufferPointer(stream), shards, options)
        shards.settle()
        compare(asked, shards.replies)
        shards.checkOffers()
        restart(shards)
    }

    // MARK: The connection

    /// What the reactor does with the bytes of a connection, without the sockets.
    private static func serve(_ stream: UnsafeRawBufferPointer, _ shards: FuzzShards, _ options: Options) -> [Asked] {
        guard let base = stream.baseAddress else { return [] }
        var asked: [Asked] = []
        var offset = 0
        var next = 0
        while true {
            let left = stream.count - offset
            guard case .frame(let lengthBytes) = StreamFraming.examine(base + offset, left) else {
                let missing = StreamFraming.missingBytes(base + offset, left)
                if case .incomplete = StreamFraming.examine(base + offset, left) {
                    expect(missing > 0, "\(left) bytes are incomplete, and nothing is missing")
                } else {
                    expect(missing == 0, "\(missing) bytes are missing of what is no frame")
                }
                return asked
            }
            expect(lengthBytes <= left, "a frame of \(lengthBytes) bytes in \(left)")
            let frame = base + offset
            let header = FrameHeader(frame)
            if options.mends { shards.nowMs += (header.requestId >> 48) * 100 }
            let shard = next % options.shards
            if let fault = FrameFault.examine(header, frame) {
                shards.refuse(fault.status, header, on: shard)
                asked.append(Asked(header: header, mustBeRefused: fault.status))
                if fault.closes { return asked }
                offset += lengthBytes
            } else {
                checkEntries(header, frame + Frame.headerSizeBytes)
                let frames = shards.begin(
                    UnsafeRawBufferPointer(start: frame, count: left), on: shard, isAdmin: options.isAdmin)
                for index in 0..<frames {
                    let one = FrameHeader(frame + index * lengthBytes)
                    let isForbidden = Operation(rawValue: one.operation)!.isAdmin && !options.isAdmin
                    asked.append(Asked(header: one, mustBeRefused: isForbidden ? .forbidden : nil))
                }
                offset += frames * lengthBytes
            }
            next += 1
            if next % 3 == 0 { for shard in 0..<options.shards { shards.turn(shard) } }
        }
    }

    // MARK: What must hold

    /// Each question has its answer: the operation's, with a known code for each entry.
    private static func compare(_ asked: [Asked], _ replies: [(header: FrameHeader, body: [UInt8])]) {
        expect(asked.count == replies.count, "\(asked.count) frames got \(replies.count) replies")
        var byRequest: [UInt64: [Int]] = [:]
        for (index, reply) in replies.enumerated() { byRequest[reply.header.requestId, default: []].append(index) }
        // Those that must be refused first: their replies would pass for refusals of others with the same id.
        for question in asked.filter({ $0.mustBeRefused != nil }) + asked.filter({ $0.mustBeRefused == nil }) {
            let candidates = byRequest[question.header.requestId] ?? []
            guard let place = candidates.firstIndex(where: { answers(question, replies[$0]) }) else {
                violated("no reply answers \(question): \(candidates.map { replies[$0].header })")
            }
            byRequest[question.header.requestId]?.remove(at: place)
        }
    }

    private static func answers(_ asked: Asked, _ reply: (header: FrameHeader, body: [UInt8])) -> Bool {
        let header = reply.header
        guard header.operation == asked.header.operation, header.flags & Frame.Flags.reply != 0,
            header.version == Frame.version, isKnown(header.status)
        else { return false }
        if let status = asked.mustBeRefused { return header.status == status && header.count == 0 }
        guard let operation = Operation(rawValue: header.operation) else { return false }
        guard header.status == .ok else { return header.count == 0 && reply.body.isEmpty }
        guard operation.answersList || header.count == asked.header.count,
            reply.body.count == header.count * operation.resultSizeBytes
        else { return false }
        return reply.body.withUnsafeBytes { body in
            (0..<header.count).allSatisfy { index in
                isKnown(ResultCode(rawValue: body.baseAddress!.loadLE(index * operation.resultSizeBytes)))
            }
        }
    }

    private static let codes = Set(ResultCode.names.map(\.code))

    /// Of the codes that the protocol has.
    private static func isKnown(_ code: ResultCode) -> Bool { codes.contains(code) }

    /// A start from the disk comes to the same state, and so does one with another number of shards.
    private static func restart(_ shards: FuzzShards) {
        let digest = shards.digest
        for count in [shards.shards, 3 - shards.shards] {
            let memory = FuzzMemory()
            do {
                let state = try Recovery.recover(
                    storage: shards.storage, configuration: FuzzShards.configuration(shards: count),
                    memory: memory.source, nowMs: shards.nowMs
                ) { _ in }
                defer { state.release() }
                let found = state.shards.reduce(0) { $0 &+ $1.engine.pointee.digest() }
                expect(found == digest, "a start with \(count) shards has digest \(found), not \(digest)")
                let catalogue = Partition.owner(of: Partition.catalogue, shards: count)
                checkStock(of: state.shards[catalogue].engine, nowMs: shards.nowMs)
            } catch {
                violated("a start with \(count) shards is refused: \(error)")
            }
        }
    }

    // MARK: Making frames whole

    private static func mend(_ stream: UnsafeMutableRawBufferPointer, ids: Bool) {
        guard let base = stream.baseAddress else { return }
        var offset = 0
        while stream.count - offset > Frame.headerSizeBytes {
            let frame = base + offset
            let header = FrameHeader(frame)
            let room = stream.count - offset - Frame.headerSizeBytes
            guard let operation = Operation(rawValue: header.operation) else {
                // One bad operation is let through, so that what follows it is seen as well.
                let sizeBytes = min(room, header.lengthBytes % 64)
                seal(frame, header, count: 1, bodyBytes: sizeBytes)
                offset += Frame.headerSizeBytes + sizeBytes
                continue
            }
            let count = min(max(1, header.count), operation.countMax, room / operation.entrySizeBytes)
            guard count > 0 else { return }
            if ids && operation.namesUser {
                for index in 0..<count {
                    mendId(frame + Frame.headerSizeBytes + index * operation.entrySizeBytes)
                }
            }
            let sizeBytes = count * operation.entrySizeBytes
            seal(frame, header, count: count, bodyBytes: sizeBytes)
            offset += Frame.headerSizeBytes + sizeBytes
        }
    }

    private static func seal(_ frame: UnsafeMutableRawPointer, _ header: FrameHeader, count: Int, bodyBytes: Int) {
        FrameHeader.seal(
            frame, operation: header.operation, requestId: header.requestId, count: count,
            lengthBytes: Frame.headerSizeBytes + bodyBytes)
    }

    private static func mendId(_ entry: UnsafeMutableRawPointer) {
        var id = UnsafeRawPointer(entry).loadId(0)
        let user = UnsafeRawPointer(entry).loadId(16)
        id.high = id.high & ~0xfff | UInt64(Partition.of(user: user))
        entry.storeId(id, 0)
    }

    // MARK: Entries

    /// What an entry says, written again, is read as the same.
    private static func checkEntries(_ header: FrameHeader, _ entries: UnsafeRawPointer) {
        guard let operation = Operation(rawValue: header.operation) else { return }
        for index in 0..<header.count { checkEntry(operation, entries + index * operation.entrySizeBytes) }
    }

    private static func checkEntry(_ operation: Operation, _ bytes: UnsafeRawPointer) {
        switch operation {
        case .handshake:
            check(HandshakeEntry(bytes))
            // What the greeting asks of an entry.
            _ = HandshakeEntry.reservedIsZero(bytes) && HandshakeEntry(bytes).token.isValid
        case .ping, .stats, .topology, .snapshot, .mirror: check(PingEntry(bytes))
        case .tail: check(TailEntry(bytes))
        case .createSale: check(CreateSaleEntry(bytes))
        case .createPolicy: check(CreatePolicyEntry(bytes))
        case .getSale, .closeSale, .getPolicy, .closePolicy: check(OfferIdEntry(bytes))
        case .listSales, .listPolicies: check(ListOffersEntry(bytes))
        case .restockSale, .restockPolicy: check(RestockEntry(bytes))
        case .order: check(OrderEntry(bytes))
        case .confirm, .cancel, .getOrder: check(OrderIdEntry(bytes))
        case .extend: check(ExtendEntry(bytes))
        case .listUserOrders, .listTransactions: check(ListUserOrdersEntry(bytes))
        case .listSaleOrders: check(ListSaleOrdersEntry(bytes))
        case .earnPoints: check(EarnEntry(bytes))
        case .usePoints: check(UsePointsEntry(bytes))
        case .cancelTransaction, .getTransaction: check(TransactionIdEntry(bytes))
        case .getBalance: check(UserEntry(bytes))
        case .issueCoupon: check(IssueCouponEntry(bytes))
        case .useCoupon: check(UseCouponEntry(bytes))
        case .restoreCoupon: check(RestoreCouponEntry(bytes))
        case .getCoupon: check(CouponIdEntry(bytes))
        case .listUserCoupons: check(ListUserCouponsEntry(bytes))
        case .placeCheckout: check(PlaceCheckoutEntry(bytes))
        case .confirmCheckout, .cancelCheckout, .getCheckout: check(CheckoutIdEntry(bytes))
        }
    }

    private static func check<Entry: WireStruct>(_ entry: Entry) {
        withUnsafeTemporaryAllocation(byteCount: Entry.sizeBytes, alignment: 16) { memory in
            entry.store(to: memory.baseAddress!)
            expect(Entry(memory.baseAddress!) == entry, "\(entry) changes when it is written and read")
        }
    }
}
