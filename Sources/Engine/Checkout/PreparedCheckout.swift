import Protocol

/// A checkout, new or expired, that is being looked at, and then waits for its units: one order for each sale.
///
/// Memory of its own beside the engine: 16 orders, and the same in the order in which their units are taken.
struct PreparedCheckout {
    struct Order: BitwiseCopyable {
        var saleId: UInt64
        var quantity: UInt32
        /// The line that first names the sale; of an expired checkout the number of the order.
        var line: UInt32
        /// The slot of the sale.
        var sale: UInt32
    }

    let orders: UnsafeMutablePointer<Order>
    /// What the take wants, in ascending order of sales.
    let parts: UnsafeMutablePointer<JointTake.Part>
    private(set) var count = 0

    /// The entry of a new one, where it lies.
    var entry: PlaceCheckoutEntry.Fields
    /// The user's slot, 0 if the checkout is the user's first operation.
    var user: UInt32 = 0
    var userHash: UInt64 = 0
    /// The slot of the coupon, 0 for none.
    var coupon: UInt32 = 0
    var subtotal: UInt64 = 0
    var discount: UInt64 = 0
    /// The shortest hold time of the sales that hold; 0: none does.
    var holdMs: UInt32 = 0
    /// The expired checkout.
    var checkout: UInt32 = 0

    init() {
        let nothing = UnsafeMutableRawPointer.allocate(byteCount: PlaceCheckoutEntry.sizeBytes, alignment: 8)
        nothing.initializeMemory(as: UInt8.self, repeating: 0, count: PlaceCheckoutEntry.sizeBytes)
        entry = PlaceCheckoutEntry.Fields(nothing)
        orders = .allocate(capacity: CheckoutLines.countMax)
        orders.initialize(
            repeating: Order(saleId: 0, quantity: 0, line: 0, sale: 0), count: CheckoutLines.countMax)
        parts = .allocate(capacity: CheckoutLines.countMax)
        parts.initialize(repeating: JointTake.Part(sale: 0, quantity: 0), count: CheckoutLines.countMax)
    }

    mutating func removeAll() { count = 0 }

    mutating func append(saleId: UInt64, quantity: UInt32, line: Int, sale: UInt32 = 0) {
        precondition(count < CheckoutLines.countMax)
        orders[count] = Order(saleId: saleId, quantity: quantity, line: UInt32(line), sale: sale)
        count += 1
    }

    /// Makes one order of all lines that name the same sale. Answers the first line that asks for no units, or for
    /// too many of its sale.
    mutating func sumLines() -> Int? {
        removeAll()
        for index in 0..<Int(entry.lineCount) {
            let line = entry.line(index)
            guard line.quantity &- 1 < Engine.quantityMax else { return index }
            var order = 0
            while order < count && orders[order].saleId != line.saleId { order += 1 }
            if order == count {
                append(saleId: line.saleId, quantity: line.quantity, line: index)
            } else {
                orders[order].quantity += line.quantity
                if orders[order].quantity > Engine.quantityMax { return index }
            }
        }
        return nil
    }

    /// The part of the request that an order answers to.
    func part(ofOrder order: Int) -> CheckoutPart { .line(Int(orders[order].line)) }

    /// Puts the units of all orders into the order in which they are taken.
    mutating func sortParts() {
        for index in 0..<count {
            let part = JointTake.Part(sale: orders[index].sale, quantity: orders[index].quantity)
            var place = index
            while place > 0 && parts[place - 1].sale > part.sale {
                parts[place] = parts[place - 1]
                place -= 1
            }
            parts[place] = part
        }
    }

    /// The order whose units a part of the take is after.
    func order(ofPart part: Int) -> Int {
        for index in 0..<count where orders[index].sale == parts[part].sale { return index }
        preconditionFailure("every part is of an order")
    }
}
