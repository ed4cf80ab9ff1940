internal import Protocol

// Checkouts. Every method may throw the errors that `TimesaleClient+Orders.swift` names for all. Where one of its
// parts stands in the way, the refusal is `partRefused`, which names it; else it is `refused`.
extension TimesaleClient {
    /// Takes units of several sales for a user, and if wanted uses a coupon and points, and promises points: all of
    /// it or nothing. A hold if any of the sales holds, else confirmed at once. Durable when it returns.
    ///
    /// Give an `id` that you keep wherever an outcome may have to be settled later; without one the id is minted
    /// here, and an unknown outcome tells it.
    ///
    /// - Parameters:
    ///   - lines: 1 ... 16; those that name the same sale are summed.
    ///   - coupon: to be used with the subtotal as the amount of the purchase.
    ///   - usePoints: 0 ... 1,000,000,000; one point pays one unit of money, so no more than is to be paid.
    ///   - earnPoints: 0 ... 1,000,000,000; credited when the checkout is confirmed.
    ///   - earnExpiresAtMs: of the points to earn, ms since 1970, later than now; nil: never.
    ///   - id: of this user; the same id with the same content is the same checkout, however often it is sent.
    ///   - timeoutMs: from here to the result, retries included; nil for the configuration's.
    /// - Throws: `partRefused` with what failed first: a line as an order of it would be (`notFound`, `closed`,
    ///   `ended`, `notStarted`, `limitExceeded`, `soldOut`, `invalid`), the coupon as a use of it would be
    ///   (`notFound`, `notOwner`, `alreadyUsed`, `expired`, `minPurchase`), the points to use with
    ///   `insufficientPoints`, or `invalid` if they are more than is to be paid, the points to earn with `expired`
    ///   (their expiry is not later than now), `capacity` (the user has 1,024 lots that have points left) or
    ///   `invalid`; any of them with `idReused` or `cancelled` if the id of that part is taken. `refused` with
    ///   `cancelled` (its cancel came first), `capacity`, `noSpace`, `invalid`, or for its id `wrongPartition`,
    ///   `idReused`, `idTooOld`, `idInFuture`. `invalidArgument(.lines)`, `invalidArgument(.coupon)`.
    @discardableResult
    nonisolated(nonsending) public func checkout(
        _ lines: [CheckoutLine], user: UserID, coupon: CouponID? = nil, usePoints: UInt32 = 0,
        earnPoints: UInt32 = 0, earnExpiresAtMs: UInt64? = nil, id: CheckoutID? = nil, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Checkout {
        try await checkout(
            CheckoutRequest(
                lines, user: user, coupon: coupon, usePoints: usePoints, earnPoints: earnPoints,
                earnExpiresAtMs: earnExpiresAtMs, id: id), timeoutMs: timeoutMs)
    }

    /// As `checkout(_:user:coupon:usePoints:earnPoints:earnExpiresAtMs:id:timeoutMs:)`.
    @discardableResult
    nonisolated(nonsending) public func checkout(
        _ request: CheckoutRequest, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Checkout {
        if let fault = request.fault { throw .invalidArgument(fault) }
        let queue = queues.checkouts.place[queues.owner(of: Partition.of(user: request.user.wire))]
        return try await queues.call(queue, request.entry, timeoutNs: timeoutNs(timeoutMs))
    }

    /// Many checkouts at once, each decided for itself. The results stand in the order of the requests; any number
    /// may be given, and they leave in frames of at most 256.
    nonisolated(nonsending) public func checkouts(
        _ requests: [CheckoutRequest], timeoutMs: UInt32? = nil
    ) async -> [Result<Checkout, TimesaleError>] {
        let sendable = requests.indices.filter { requests[$0].fault == nil }
        let answers = await queues.callEach(
            queues.checkouts.place, sendable.map { requests[$0].entry },
            partition: { Partition.of(user: $0.userId) }, timeoutNs: timeoutNs(timeoutMs))
        var results: [Result<Checkout, TimesaleError>] = requests.map {
            .failure(.invalidArgument($0.fault ?? .lines))
        }
        for (index, answer) in zip(sendable, answers) { results[index] = answer }
        return results
    }

    /// Ends the hold of a checkout as a sale, and credits the points to earn. Confirming a confirmed one is a
    /// repeat. An expired one is confirmed late if everything can be taken again (`Checkout.isLateConfirm`): the
    /// units of every order, as far as the user's limits allow it, the coupon, the points. Windows and closing of
    /// the sales do not matter then.
    ///
    /// - Throws: `refused` with `notFound`, `cancelled`; `partRefused` with `expired` and the order, the coupon or
    ///   the points that could not be had again, and nothing was taken.
    @discardableResult
    nonisolated(nonsending) public func confirmCheckout(
        _ id: CheckoutID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Checkout {
        try await callNamed(queues.checkouts.confirm, id, timeoutMs)
    }

    /// Many confirms at once, each for itself, as `checkouts`.
    nonisolated(nonsending) public func confirmCheckouts(
        _ ids: [CheckoutID], timeoutMs: UInt32? = nil
    ) async -> [Result<Checkout, TimesaleError>] {
        await callEachNamed(queues.checkouts.confirm, ids, timeoutMs)
    }

    /// Gives everything back: of a held checkout; of a confirmed one (a refund), whose earned points are taken
    /// back; an expired one has given back already, and cannot be confirmed late any more. Coupon and points keep
    /// the expiry that they had. A checkout that the server does not know is refused from now on, should it still
    /// arrive: so this is how to give up on an unknown outcome.
    ///
    /// - Throws: `partRefused(.pointsEarned, .alreadySpent)`: some of the points that it earned are spent, and
    ///   nothing was changed; `refused` with `capacity` (no more cancels of unknown checkouts can be remembered).
    @discardableResult
    nonisolated(nonsending) public func cancelCheckout(
        _ id: CheckoutID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> CheckoutCancellation {
        try await callNamed(queues.checkouts.cancel, id, timeoutMs)
    }

    /// Many cancels at once, each for itself, as `checkouts`.
    nonisolated(nonsending) public func cancelCheckouts(
        _ ids: [CheckoutID], timeoutMs: UInt32? = nil
    ) async -> [Result<CheckoutCancellation, TimesaleError>] {
        await callEachNamed(queues.checkouts.cancel, ids, timeoutMs)
    }

    /// The checkout as it is now.
    ///
    /// - Throws: `refused` with `notFound`, or `cancelled` if only its cancel is known.
    nonisolated(nonsending) public func checkout(
        _ id: CheckoutID, timeoutMs: UInt32? = nil
    ) async throws(TimesaleError) -> Checkout {
        try await callNamed(queues.checkouts.get, id, timeoutMs)
    }

    nonisolated(nonsending) private func callNamed<Call: NamedCheckoutCall>(
        _ shards: [CallQueue<Call>], _ id: CheckoutID, _ timeoutMs: UInt32?
    ) async throws(TimesaleError) -> Call.Answer {
        let queue = shards[queues.owner(of: id.wire.carriedPartition)]
        return try await queues.call(
            queue, CheckoutIdEntry(checkoutId: id.wire), timeoutNs: timeoutNs(timeoutMs))
    }

    nonisolated(nonsending) private func callEachNamed<Call: NamedCheckoutCall>(
        _ shards: [CallQueue<Call>], _ ids: [CheckoutID], _ timeoutMs: UInt32?
    ) async -> [Result<Call.Answer, TimesaleError>] {
        await queues.callEach(
            shards, ids.map { CheckoutIdEntry(checkoutId: $0.wire) },
            partition: { $0.checkoutId.carriedPartition }, timeoutNs: timeoutNs(timeoutMs))
    }
}

extension CheckoutRequest {
    /// What of it cannot be put into a frame; nil if all can.
    var fault: InvalidArgument? {
        guard (1...CheckoutLines.countMax).contains(lines.count) else { return .lines }
        // On the wire zeros stand for none: the checkout would go ahead without its discount.
        if let coupon, coupon.wire.isZero { return .coupon }
        return nil
    }

    /// Of one without fault.
    var entry: PlaceCheckoutEntry {
        var places = CheckoutLines()
        for (index, line) in lines.enumerated() {
            places[index] = .init(saleId: line.sale.rawValue, quantity: line.quantity)
        }
        return PlaceCheckoutEntry(
            checkoutId: id.wire, userId: user.wire, couponId: coupon?.wire ?? .zero,
            earnExpiresAtMs: earnExpiresAtMs ?? 0, usePoints: usePoints, earnPoints: earnPoints,
            lineCount: UInt16(lines.count), lines: places)
    }
}
