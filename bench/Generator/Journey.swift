import Protocol

/// One user's way through a workload of several steps. Whatever it sends follows from what is here, since a client
/// chooses its ids: no step needs more of the reply to the one before than that it was accepted.
struct Journey: BitwiseCopyable {
    let user: Id128
    /// Of the sale, and of the policy.
    let offer: UInt64
    let timeMs: UInt64
    let random: UInt64
    /// Which step its request in flight is.
    var step = 0

    /// Points that are earned, and used again.
    static let points: UInt32 = 50
    /// Points that a checkout earns.
    static let pointsOfCheckout: UInt32 = 5

    init(user: Id128, offer: UInt64, timeMs: UInt64, random: UInt64) {
        self.user = user
        self.offer = offer
        self.timeMs = timeMs
        self.random = random
    }

    private func id(_ number: UInt64) -> Id128 {
        Id128.version7(
            timeMs: timeMs, partition: Partition.of(user: user), random: Partition.mix(random &+ number))
    }

    /// Writes the entry of its step.
    func write(_ operation: Operation, to entry: UnsafeMutableRawPointer) {
        let (coupon, order) = (id(1), id(3))
        switch operation {
        case .issueCoupon: IssueCouponEntry(couponId: coupon, userId: user, policyId: offer).store(to: entry)
        case .earnPoints:
            EarnEntry(transactionId: id(2), userId: user, expiresAtMs: 0, amount: Self.points).store(to: entry)
        case .order: OrderEntry(orderId: order, userId: user, saleId: offer, quantity: 1).store(to: entry)
        case .useCoupon:
            UseCouponEntry(
                useId: id(4), couponId: coupon, userId: user, orderId: order, purchaseAmount: Generator.unitPrice
            ).store(to: entry)
        case .usePoints:
            UsePointsEntry(transactionId: id(5), userId: user, amount: Self.points).store(to: entry)
        case .placeCheckout:
            var lines = CheckoutLines()
            lines[0] = CheckoutLine(saleId: offer, quantity: 1)
            PlaceCheckoutEntry(
                checkoutId: id(6), userId: user, couponId: coupon, usePoints: Self.points,
                earnPoints: Self.pointsOfCheckout, lineCount: 1, lines: lines
            ).store(to: entry)
        default: preconditionFailure("\(operation) is no step of a journey")
        }
    }
}

// A journey keeps its place in what is known of the frame in flight, so that any number of them go on at once, and
// workloads of one step pay nothing for it.
extension Generator {
    /// Sends the step that a journey has come to.
    mutating func addStep(_ index: Int, _ journey: Journey, begunUs begun: UInt64) {
        let operation = plan.workload.steps[journey.step]
        let length = Frame.headerSizeBytes + operation.entrySizeBytes
        let frame = connections[index].reserve(length)
        journey.write(operation, to: frame + Frame.headerSizeBytes)
        let requestId = claimRequest(begunUs: begun)
        journeys?[Int(requestId) & (Self.begunCount - 1)] = journey
        FrameHeader.seal(
            frame, operation: operation.rawValue, requestId: requestId, count: 1, lengthBytes: length)
        connections[index].outEnd += length
        connections[index].framesInFlight += 1
        framesInFlight += 1
    }

    /// Whether a reply is one on the way: then the next step is sent, with the time at which the journey began.
    mutating func goOn(_ index: Int, _ header: FrameHeader, _ frame: UnsafeRawPointer) -> Bool {
        let slot = Int(header.requestId) & (Self.begunCount - 1)
        guard var journey = journeys?[slot], journey.step + 1 < plan.workload.steps.count, header.status == .ok,
            frame.loadLE(Frame.headerSizeBytes, as: UInt16.self) == 0
        else { return false }
        stepsAccepted[journey.step] += 1
        framesInFlight -= 1
        connections[index].framesInFlight -= 1
        journey.step += 1
        addStep(index, journey, begunUs: begunUs[slot])
        return true
    }
}
