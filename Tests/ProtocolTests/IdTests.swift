import Protocol
import TestSupport
import Testing

/// Shows that ids keep their bits through text and bytes, and that the bits of operation ids are where RFC
/// 9562 and the partition want them.
@Suite struct IdTests {
    @Test func textRoundTrips() throws {
        var mint = IdMint(seed: 1)
        for id in (0..<1000).map({ _ in Id128(high: mint.random(), low: mint.random()) }) + [.zero] {
            let text = id.description
            #expect(text.utf8.count == 36)
            #expect(Id128(text) == id)
            #expect(Id128(text.uppercased()) == id)
        }
        #expect(Id128(42).description == "00000000-0000-0000-0000-00000000002a")
        #expect(Id128(high: .max, low: .max).description == "ffffffff-ffff-ffff-ffff-ffffffffffff")
        let text = "01890a5d-ac96-774b-bcce-b302099a8057"
        let id = try #require(Id128(text))
        #expect(id == Id128(high: 0x0189_0a5d_ac96_774b, low: 0xbcce_b302_099a_8057))
        #expect(id.description == text)
    }

    @Test(arguments: [
        "", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a80577",
        "01890a5dac96-774b-bcce-b302099a80570", "01890a5d-ac96-774b-bcce-b302099a805g",
        "01890a5d-ac96-774b-bccefb302099a8057", "01890a5d0ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805:", "01890a5d-ac96-774b-bcce-b302099a805/",
        "01890a5d-ac96-774b-bcce-b302099a805@", "01890a5d-ac96-774b-bcce-b302099a805`",
        " 1890a5d-ac96-774b-bcce-b302099a8057", "{1890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a80é", "01890a5dac96774bbcceb302099a8057",
    ])
    func badTextIsRefused(_ text: String) {
        #expect(Id128(text) == nil)
    }

    @Test func bytesAreInNetworkOrder() {
        let entry = OrderIdEntry(orderId: Id128(high: 0x0001_0203_0405_0607, low: 0x0809_0a0b_0c0d_0e0f))
        #expect(OrderIdEntry.pack([entry]) == Array(0..<16))
    }

    @Test func version7CarriesTimeAndPartition() {
        for (timeMs, partition, random) in [
            (0, 0, 0), (1_767_225_600_000, 1111, 1), (1 << 48 - 1, 4095, UInt64.max),
        ] as [(UInt64, Int, UInt64)] {
            let id = Id128.version7(timeMs: timeMs, partition: partition, random: random)
            #expect(id.isOperationId && id.version == 7)
            #expect(id.mintTimeMs == timeMs)
            #expect(id.carriedPartition == partition)
            #expect(id.low == 0b10 << 62 | random & ~(0b11 << 62))
        }
    }

    @Test func version8CarriesHashAndPartition() {
        for (high, low, partition) in [
            (0, 0, 0), (UInt64.max, UInt64.max, 4095), (1 << 16, 1, 7),
        ] as [(UInt64, UInt64, Int)] {
            let id = Id128.version8(hashHigh: high, hashLow: low, partition: partition)
            #expect(id.isOperationId && id.version == 8)
            #expect(id.mintTimeMs == nil)
            #expect(id.carriedPartition == partition)
            #expect(id.high >> 16 == high >> 16)
            #expect(id.low == 0b10 << 62 | low & ~(0b11 << 62))
        }
    }

    @Test func onlyVersions7And8OfTheRightVariantAreOperationIds() {
        for version in 0..<16 {
            for variant in 0..<4 {
                let id = Id128(high: UInt64(version) << 12, low: UInt64(variant) << 62)
                #expect(id.isOperationId == ((version == 7 || version == 8) && variant == 0b10))
            }
        }
        #expect(Id128.zero.isZero && !Id128(high: 1, low: 0).isZero && !Id128(1).isZero)
    }
}
