import Protocol
import TestSupport
import Testing

/// Shows that sizes and bounds of layouts fit each other, and that reserved bytes are looked at.
@Suite struct LayoutTests {
    @Test func sizesAreFixed() {
        let sizes: [String: Int] = [
            "HandshakeEntry": 88, "TopologyResult": 56, "PingEntry": 8, "PingResult": 24, "SnapshotResult": 48,
            "TailEntry": 24, "TailResult": 192, "MirrorResult": 104, "ShardStatsResult": 616,
            "CreateSaleEntry": 144, "OfferIdEntry": 8, "RestockEntry": 32, "ListOffersEntry": 16,
            "SaleResult": 168, "OrderEntry": 48, "OrderResult": 24, "OrderIdEntry": 16, "ExtendEntry": 24,
            "ListUserOrdersEntry": 40, "OrderViewResult": 64, "ListSaleOrdersEntry": 24, "SaleOrderResult": 72,
            "CreatePolicyEntry": 160, "PolicyResult": 184, "IssueCouponEntry": 40, "CouponResult": 24,
            "UseCouponEntry": 72, "RestoreCouponEntry": 48, "CouponIdEntry": 16, "ListUserCouponsEntry": 40,
            "CouponViewResult": 104,
            "EarnEntry": 80, "UsePointsEntry": 72, "PointResult": 32, "TransactionIdEntry": 16,
            "TransactionViewResult": 104, "UserEntry": 16, "BalanceResult": 32,
            "PlaceCheckoutEntry": 328, "CheckoutIdEntry": 16, "CheckoutResult": 368,
        ]
        #expect(goldenLayouts.mapValues { $0.sizeBytes } == sizes)
    }

    @Test(arguments: Operation.allCases)
    func theLargestFrameFits(_ operation: Operation) {
        var results = operation.answersList ? Frame.pageCountMax : operation.countMax
        if operation == .tail { results = Int(TailEntry.limitMax) + 1 }
        #expect(Frame.headerSizeBytes + operation.countMax * operation.entrySizeBytes <= Frame.sizeMaxBytes)
        #expect(Frame.headerSizeBytes + results * operation.resultSizeBytes <= Frame.sizeMaxBytes)
        #expect(operation.countMax <= Int(UInt16.max))
        #expect(operation.countMax == 1 || !operation.answersList)
        #expect(operation.isCatalogue || operation.isAside || operation.owner == .position || !operation.isAdmin)
    }

    /// Reserved bytes, by layout: every one of them must be zero, and no other byte counts.
    @Test func everyReservedByteIsLookedAt() {
        check(HandshakeEntry.self, HandshakeEntry.reservedIsZero, reserved: 6..<8)
        check(ListOffersEntry.self, ListOffersEntry.reservedIsZero, reserved: 11..<16)
        check(OrderEntry.self, OrderEntry.reservedIsZero, reserved: 44..<48)
        check(ListUserOrdersEntry.self, ListUserOrdersEntry.reservedIsZero, reserved: 34..<40)
        check(ListSaleOrdersEntry.self, ListSaleOrdersEntry.reservedIsZero, reserved: 18..<24)
        check(EarnEntry.self, EarnEntry.reservedIsZero, reserved: 44..<48)
        check(UsePointsEntry.self, UsePointsEntry.reservedIsZero, reserved: 36..<40)
        check(CreatePolicyEntry.self, CreatePolicyEntry.reservedIsZero, reserved: 77..<80)
        check(ListUserCouponsEntry.self, ListUserCouponsEntry.reservedIsZero, reserved: 35..<40)
    }

    /// Of an entry of `tail`, and that its numbers are in their ranges.
    @Test func onlyAValidTailIsTaken() {
        func isValid(waitMs: UInt32 = 0, limit: UInt32 = 1, offset: Int = 0, _ change: UInt8 = 0) -> Bool {
            var bytes = [UInt8](repeating: 0, count: TailEntry.sizeBytes)
            return bytes.withUnsafeMutableBytes {
                let entry = TailEntry(afterSequence: .max, afterIndex: .max, waitMs: waitMs, limit: limit)
                entry.store(to: $0.baseAddress!)
                $0[offset] ^= change
                return TailEntry.isValid($0.baseAddress!)
            }
        }
        #expect(isValid() && isValid(waitMs: 60_000, limit: 4096))
        #expect(!isValid(limit: 0) && !isValid(limit: 4097) && !isValid(waitMs: 60_001))
        for offset in 0..<TailEntry.sizeBytes where !(12..<20).contains(offset) {
            #expect(isValid(offset: offset, 0x80) == (offset < 12), "byte \(offset)")
        }
    }

    /// An event that a log may hold has room in a result of `tail`; a record of a snapshot need not.
    @Test(arguments: EventKind.allCases) func anEventOfALogHasRoom(_ kind: EventKind) {
        #expect(kind.isOfSnapshot == "\(kind)".hasSuffix("Kept"))
        #expect(kind.isOfSnapshot || kind.sizeBytes <= TailResult.eventSizeMaxBytes)
        #expect(kind.sizeBytes <= EventField.sizeMaxBytes)
    }

    /// Of a checkout's entry also the places behind the last line, however many lines there are.
    @Test(arguments: [0, 1, 7, 15, 16] as [UInt16]) func everyPlaceBehindTheLastLineIsLookedAt(_ lines: UInt16) {
        let places = CheckoutLines.countMax
        for offset in 0..<PlaceCheckoutEntry.sizeBytes where !(64..<66).contains(offset) {
            var bytes = [UInt8](repeating: 0, count: PlaceCheckoutEntry.sizeBytes)
            bytes[64] = UInt8(lines)
            bytes[offset] = 0x80
            let isZero = bytes.withUnsafeBytes { PlaceCheckoutEntry.reservedIsZero($0.baseAddress!) }
            let isReserved =
                (66..<72).contains(offset)
                || (72..<(72 + 16 * places)).contains(offset)
                    && ((offset - 72) / 16 >= Int(lines) || (offset - 72) % 16 >= 12)
            #expect(isZero == !isReserved, "byte \(offset) with \(lines) lines")
        }
    }

    private func check<Entry: WireStruct>(
        _ type: Entry.Type, _ reservedIsZero: (UnsafeRawPointer) -> Bool, reserved: Range<Int>
    ) {
        for offset in 0..<Entry.sizeBytes {
            var bytes = [UInt8](repeating: 0, count: Entry.sizeBytes)
            bytes[offset] = 0x80
            let isZero = bytes.withUnsafeBytes { reservedIsZero($0.baseAddress!) }
            #expect(isZero == !reserved.contains(offset), "\(Entry.self), byte \(offset)")
        }
    }

    /// A header is at home at any address: frames follow each other without padding.
    @Test func frameIsReadAtAnyAlignment() {
        let nonce: UInt64 = 1 << 63 | 1
        let frame = FrameBytes.request(.ping, requestId: .max, [PingEntry(nonce: nonce)])
        for shift in 0..<8 {
            let bytes = [UInt8](repeating: 0, count: shift) + frame
            bytes.withUnsafeBytes {
                let header = FrameHeader($0.baseAddress! + shift)
                #expect(header.checksumMatches($0.baseAddress! + shift))
                #expect(header.requestId == .max)
                #expect(PingEntry($0.baseAddress! + shift + Frame.headerSizeBytes).nonce == nonce)
            }
        }
    }

    /// One changed bit, wherever behind the checksum, must not go unnoticed.
    @Test func everyBitIsUnderTheChecksum() {
        let frame = FrameBytes.request(.ping, requestId: 1, [PingEntry(nonce: 2)])
        for bit in 64..<(frame.count * 8) where !(64..<96).contains(bit) {
            var damaged = frame
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            damaged.withUnsafeBytes {
                #expect(!FrameHeader($0.baseAddress!).checksumMatches($0.baseAddress!))
            }
        }
    }
}
