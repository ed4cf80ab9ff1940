/// How much room a server is given for a run: enough for what is expected, and no gigabytes for nothing.
public struct Capacity: Equatable, Sendable {
    public var orders: Int
    public var logAheadBytes: Int

    /// Room beyond what is expected. A refused order spoils a run; log that is not ready costs it a little.
    private static let ordersMargin = 1.6
    private static let logMargin = 1.2
    private static let segmentBytes = 64 << 20

    public init(orders: Int, logAheadBytes: Int) {
        self.orders = orders
        self.logAheadBytes = logAheadBytes
    }

    /// For a load of so many frames in flight of so many orders each; `seconds` include the warm-up.
    public init(ordersPerSecond: Double, seconds: Double, framesInFlight: Int, batch: Int) {
        let expected = ordersPerSecond * seconds
        orders = max(1_000_000, Int(expected * Self.ordersMargin))
        let log = expected * Self.logMargin * Self.logBytesPerOrder(ordersInFlight: framesInFlight * batch)
        logAheadBytes = (Int(log) / Self.segmentBytes + 2) * Self.segmentBytes
    }

    /// A block is padded to 4 KiB. While two are being written and replies are on their way, about a quarter of what
    /// is in flight gathers for the next.
    static func logBytesPerOrder(ordersInFlight: Int) -> Double {
        let orders = max(1, ordersInFlight / 4)
        return Double((orders * 64 + 64 + 4095) / 4096 * 4096) / Double(orders)
    }

    /// About what one shard on one core of a current machine accepts; the margins are for others.
    public static func expectedOrdersPerSecond(framesInFlight: Int, batch: Int, isUnix: Bool = false) -> Double {
        switch batch {
        case 512...: return 10_000_000
        case 32...: return 8_000_000
        case 8...: return 4_000_000
        default: break
        }
        let overTCP: Double =
            switch framesInFlight {
            case 4096...: 6_500_000
            case 512...: 2_500_000
            case 128...: 500_000
            default: 150_000
            }
        return isUnix ? min(8_000_000, 2.5 * overTCP) : overTCP
    }
}
