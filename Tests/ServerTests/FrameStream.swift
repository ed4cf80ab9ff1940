import Foundation
import Protocol
import TestSupport
import Testing

/// A request, and what has to come back.
struct PlannedFrame: Sendable {
    enum Expected: Sendable {
        /// Each with this code; what is OK is confirmed.
        case orders([OrderEntry], ResultCode)
        case views([Id128])
        case page([Id128])
        case ping(nonce: UInt64)
        case refused(ResultCode)
    }

    var requestId: UInt64
    var bytes: [UInt8]
    var expected: Expected

    /// What is wrong with a reply, if anything. Between shards a full queue may refuse, and says so.
    func fault(_ reply: TestClient.Reply, shards: Int) -> String? {
        let header = reply.header
        if case .refused(let status) = expected {
            return header.status == status && header.count == 0 ? nil : "\(header), not \(status)"
        }
        if header.status == .busy && shards > 1 { return nil }
        switch expected {
        case .refused: return nil
        case .orders(let entries, let code):
            guard let results = OrderResult.unpack(reply.body), results.count == entries.count else { break }
            for (entry, result) in zip(entries, results) {
                if result.code == .busy && shards > 1 { continue }
                let isRight = result.code == code && (code != .ok || result.quantity == entry.quantity)
                if !isRight { return "\(result) to \(entry), not \(code)" }
            }
            return nil
        case .views(let ids):
            guard let views = OrderViewResult.unpack(reply.body), views.count == ids.count else { break }
            for (id, view) in zip(ids, views) where view.code != .busy || shards == 1 {
                if view.code != .ok || view.orderId != id { return "\(view), asked for \(id)" }
            }
            return nil
        case .page(let ids):
            guard OrderViewResult.unpack(reply.body)?.map(\.orderId) == ids else { break }
            return nil
        case .ping(let nonce):
            guard PingResult.unpack(reply.body)?.map(\.nonce) == [nonce] else { break }
            return nil
        }
        return "a reply of another request: \(header) with \(reply.body.count) bytes"
    }

    /// The units that a reply says have been sold.
    func sold(_ reply: TestClient.Reply) -> UInt64 {
        guard case .orders(_, .ok) = expected, reply.header.status == .ok else { return 0 }
        let results = OrderResult.unpack(reply.body) ?? []
        return results.reduce(0) { $0 + ($1.code == .ok ? UInt64($1.quantity) : 0) }
    }
}

/// What the streams of a test ask about: a sale with units for all, one that is sold out, a user with orders.
struct StreamMarket {
    let client: TestClient
    let shards: Int
    /// Orders of one user, the newest first.
    let known: [Id128]
    private let user: Id128

    static let knownCount = 1000

    init(_ server: ServerProcess, shards: Int) throws {
        var mint = IdMint(seed: 1000)
        client = try server.client()
        self.shards = shards
        let user = mint.user()
        self.user = user
        for (sale, stock) in [(UInt64(1), UInt64(1) << 30), (2, 1), (3, UInt64(Self.knownCount))] {
            let entry = CreateSaleEntry.open(sale, stock: stock, operationId: mint.catalogueId())
            #expect(try client.createSale(entry).code == .ok)
        }
        #expect(try client.order(mint.id(user: user), user: user, sale: 2).code == .ok)
        let entries = (0..<(Self.knownCount - 1)).map { _ in
            OrderEntry(orderId: mint.id(user: user), userId: user, saleId: 3, quantity: 1)
        }
        #expect(try client.order(entries).allSatisfy { $0.code == .ok })
        known = try client.listUserOrders(user).items.map(\.orderId)
        #expect(known.count == Self.knownCount)
    }

    /// What was answered is what was sold.
    func expectSold(_ streams: [FrameStream]) throws {
        let sold = streams.reduce(0) { $0 + $1.sold }
        #expect(try client.getSale(1).sold == sold)
        #expect(sold > 0)
    }

    // MARK: Frames

    func orders(
        _ count: Int, requestId: UInt64, _ mint: inout IdMint, sale: UInt64 = 1, quantity: UInt32? = nil,
        code: ResultCode = .ok
    ) -> PlannedFrame {
        let entries = (0..<count).map { _ in
            let user = mint.user()
            return OrderEntry(
                orderId: mint.id(user: user), userId: user, saleId: sale,
                quantity: quantity ?? UInt32(mint.random() % 1000 + 1))
        }
        return PlannedFrame(
            requestId: requestId, bytes: FrameBytes.request(.order, requestId: requestId, entries),
            expected: .orders(entries, code))
    }

    private func views(_ count: Int, _ requestId: UInt64, _ mint: inout IdMint) -> PlannedFrame {
        let ids = (0..<count).map { _ in known[Int(mint.random() % UInt64(known.count))] }
        return PlannedFrame(
            requestId: requestId,
            bytes: FrameBytes.request(.getOrder, requestId: requestId, ids.map(OrderIdEntry.init(orderId:))),
            expected: .views(ids))
    }

    private func page(_ requestId: UInt64, _ mint: inout IdMint) -> PlannedFrame {
        let limit = Int(mint.random() % 60 + 1)
        let entry = ListUserOrdersEntry(userId: user, after: .zero, limit: UInt16(limit))
        return PlannedFrame(
            requestId: requestId, bytes: FrameBytes.request(.listUserOrders, requestId: requestId, [entry]),
            expected: .page(Array(known.prefix(limit))))
    }

    /// A frame that is refused as a whole, and behind which the connection goes on.
    private func refused(_ requestId: UInt64, _ mint: inout IdMint) -> PlannedFrame {
        let order = Protocol.Operation.order.rawValue
        let body = [UInt8](repeating: 7, count: OrderEntry.sizeBytes)
        let bytes: [UInt8]
        let status: ResultCode
        switch mint.random() % 4 {
        case 0:
            bytes = FrameBytes.make(operation: 127, requestId: requestId, count: 1, body: body)
            status = .unknownOperation
        case 1:
            bytes = FrameBytes.make(operation: order, requestId: requestId, count: 0, body: [])
            status = .badCount
        case 2:
            bytes = FrameBytes.make(operation: order, requestId: requestId, count: 1, flags: 4, body: body)
            status = .badFlags
        default:
            bytes = FrameBytes.make(operation: order, requestId: requestId, count: 2, body: body)
            status = .badLength
        }
        return PlannedFrame(requestId: requestId, bytes: bytes, expected: .refused(status))
    }

    /// The longest frame there may be: too long for what it says it holds.
    func longest(_ requestId: UInt64) -> PlannedFrame {
        let body = [UInt8](repeating: 9, count: Frame.sizeMaxBytes - Frame.headerSizeBytes)
        return PlannedFrame(
            requestId: requestId,
            bytes: FrameBytes.make(
                operation: Protocol.Operation.order.rawValue, requestId: requestId, count: 40, body: body),
            expected: .refused(.badLength))
    }

    func frame(_ requestId: UInt64, readsMore: Bool, _ mint: inout IdMint) -> PlannedFrame {
        if readsMore && mint.random() % 3 == 0 { return views(1000, requestId, &mint) }
        switch mint.random() % 100 {
        case 0..<45: return orders(1, requestId: requestId, &mint)
        case 45..<60: return orders(Int(mint.random() % 40 + 2), requestId: requestId, &mint)
        case 60..<63: return orders(500, requestId: requestId, &mint)
        case 63..<70: return orders(2, requestId: requestId, &mint, sale: 2, code: .soldOut)
        case 70..<75: return orders(3, requestId: requestId, &mint, quantity: 0, code: .invalid)
        case 75..<80: return views(Int(mint.random() % 30 + 1), requestId, &mint)
        case 80..<85: return page(requestId, &mint)
        case 85..<93: return refused(requestId, &mint)
        default:
            let nonce = mint.random()
            return PlannedFrame(
                requestId: requestId, bytes: FrameBytes.request(.ping, requestId: requestId, [PingEntry(nonce: nonce)]),
                expected: .ping(nonce: nonce))
        }
    }
}

/// A connection with many frames to send, in one stream of bytes. One thread may write while another reads:
/// neither touches what the other does.
final class FrameStream: @unchecked Sendable {
    let client: TestClient
    /// Another connection to the same shard: what the shard has answered on it, it has done after what was
    /// sent here before.
    let pinger: TestClient
    private let shards: Int

    // The writer's.
    private var mint: IdMint
    private var bytes: [UInt8] = []
    private var sentBytes = 0
    private var ends: [(requestId: UInt64, offset: Int)] = []
    private var writeFault: String?
    // The reader's.
    private var waiting: [UInt64: PlannedFrame] = [:]
    private var readFault: String?
    private(set) var sold: UInt64 = 0

    init(
        _ market: StreamMarket, frames: Int, readsMore: Bool = false, seed: UInt64, client: TestClient,
        pinger: TestClient
    ) {
        self.client = client
        self.pinger = pinger
        shards = market.shards
        mint = IdMint(seed: seed)
        for index in 0..<UInt64(frames) {
            // Requests are told apart by their ids; those of the handshake come before.
            append(market.frame(1000 + index, readsMore: readsMore, &mint))
            guard index % 300 == 150 else { continue }
            append(market.orders(Frame.batchCountMax, requestId: 500_000 + index, &mint))
            append(market.longest(600_000 + index))
        }
    }

    private func append(_ frame: PlannedFrame) {
        bytes += frame.bytes
        ends.append((frame.requestId, bytes.count))
        waiting[frame.requestId] = frame
    }

    /// Bytes that follow behind the last frame.
    func end(with rest: ArraySlice<UInt8>) { bytes += rest }

    /// What went wrong on either side.
    var fault: String? {
        let faults = [writeFault, readFault].compactMap { $0 }
        return faults.isEmpty ? nil : faults.joined(separator: "; ")
    }

    // MARK: Writing

    /// Sends all that is left in pieces: for a while single bytes, then some dozens, some thousands, up to 200 KiB.
    func write(until deadline: Deadline) {
        do {
            while sentBytes < bytes.count {
                let (sizeMax, pieces) = [(1, 150), (60, 200), (3000, 200), (200 << 10, 3)][Int(mint.random() % 4)]
                for _ in 0..<pieces where sentBytes < bytes.count {
                    let size = min(Int(mint.random() % UInt64(sizeMax)) + 1, bytes.count - sentBytes)
                    try client.sendRaw(Array(bytes[sentBytes..<(sentBytes + size)]), until: deadline)
                    sentBytes += size
                    // The server has taken this piece by itself, before the next one is sent.
                    if mint.random() % 6 == 0 {
                        _ = try pinger.call(.ping, PingEntry.pack([PingEntry(nonce: 0)]), until: deadline)
                    }
                }
            }
        } catch {
            writeFault = "only \(sentBytes) of \(bytes.count) bytes are sent: \(error)"
        }
    }

    /// Sends what the connection takes without waiting, and answers how many bytes that was.
    func writeAtOnce() -> Int {
        let piece = Array(bytes[sentBytes..<min(bytes.count, sentBytes + 200 << 10)])
        if piece.isEmpty { return 0 }
        do {
            let sent = try client.sendRawAtOnce(piece)
            sentBytes += sent
            return sent
        } catch {
            writeFault = "cannot write: \(error)"
            return 0
        }
    }

    /// Frames that went out in full, without those that are refused as a whole.
    var sentCount: UInt64 {
        ends.reduce(0) { sum, end in
            guard end.offset <= sentBytes, let frame = waiting[end.requestId] else { return sum }
            if case .refused = frame.expected { return sum }
            return sum + 1
        }
    }

    /// Expects no replies to what has not been sent in full.
    func forgetUnsent() {
        for end in ends where end.offset > sentBytes { waiting[end.requestId] = nil }
    }

    // MARK: Reading

    /// Reads until every frame has its reply.
    func readAll(until deadline: Deadline) {
        do {
            while !waiting.isEmpty && readFault == nil {
                let reply = try client.receiveUnpaired(until: deadline)
                let id = reply.header.requestId
                guard let frame = waiting.removeValue(forKey: id) else {
                    readFault = "a reply to \(id), which waits for none"
                    return
                }
                sold += frame.sold(reply)
                readFault = frame.fault(reply, shards: shards).map { "request \(id): \($0)" }
            }
        } catch {
            readFault = "\(waiting.count) of \(ends.count) requests have no reply: \(error)"
        }
    }
}
