import Protocol

/// What all entries and results have in common, so that the client packs and unpacks batches of any.
public protocol WireStruct: Equatable, Sendable {
    static var sizeBytes: Int { get }
    init(_ bytes: UnsafeRawPointer)
    func store(to bytes: UnsafeMutableRawPointer)
}

extension HandshakeEntry: WireStruct {}
extension TopologyResult: WireStruct {}
extension PingEntry: WireStruct {}
extension PingResult: WireStruct {}
extension ShardStatsResult: WireStruct {}
extension CreateSaleEntry: WireStruct {}
extension OfferIdEntry: WireStruct {}
extension RestockEntry: WireStruct {}
extension ListOffersEntry: WireStruct {}
extension SaleResult: WireStruct {}
extension OrderEntry: WireStruct {}
extension OrderResult: WireStruct {}
extension OrderIdEntry: WireStruct {}
extension ExtendEntry: WireStruct {}
extension ListUserOrdersEntry: WireStruct {}
extension OrderViewResult: WireStruct {}
extension EarnEntry: WireStruct {}
extension UsePointsEntry: WireStruct {}
extension PointResult: WireStruct {}
extension TransactionIdEntry: WireStruct {}
extension TransactionViewResult: WireStruct {}
extension UserEntry: WireStruct {}
extension BalanceResult: WireStruct {}
extension CreatePolicyEntry: WireStruct {}
extension PolicyResult: WireStruct {}
extension IssueCouponEntry: WireStruct {}
extension CouponResult: WireStruct {}
extension UseCouponEntry: WireStruct {}
extension RestoreCouponEntry: WireStruct {}
extension CouponIdEntry: WireStruct {}
extension ListUserCouponsEntry: WireStruct {}
extension CouponViewResult: WireStruct {}
extension PlaceCheckoutEntry: WireStruct {}
extension CheckoutIdEntry: WireStruct {}
extension CheckoutResult: WireStruct {}

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
