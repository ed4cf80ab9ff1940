import Engine
import Protocol

// Replies about coupons. Promise 7: a success is one issue, one use.

extension World {
    func checkIssue(
        _ request: Request, _ item: Item, _ code: ResultCode, _ result: CouponResult
    ) throws(Violation) {
        guard let index = item.coupon, case .issue(let entry)? = item.entry else { return }
        if code != .ok && item.shownVersions > 0 && code != .idReused {
            let (id, shown) = (item.id, item.shownVersions)
            try checkForgotten(
                request, item, code, Violation(4, "coupon \(id) was issued before, a repeat got \(code)"),
                { $0.isForgotten(coupon: id, shown: shown) })
        }
        switch code {
        case .ok: break
        case .exhausted, .alreadyIssued, .notFound, .closed, .ended, .notStarted:
            return try checkOfferRefusal(request, item, code, units: 1)
        case .idReused:
            coverage[.idReused] += 1
            if isTakenByCheckout(item.id) { return }
            let isExplained = model.allCoupons(item.id).contains { coupon in
                isShowable(coupon.versions[0], of: coupon)
                    && (coupon.user != entry.userId || model.offers[coupon.policy].creation.key != item.offerKey)
            }
            if !isExplained {
                throw Violation(4, "coupon \(item.id) is ID_REUSED, which no durable event explains")
            }
            return
        case .idInFuture: return try checkIdInFuture(request, item)
        case .idTooOld: return try checkTooOld(request, item)
        default: throw Violation(0, "coupon \(item.id) was refused with \(code), which nothing explains")
        }
        guard let coupon = model.coupon(item.id, issuedAtMs: result.issuedAtMs), coupon.user == entry.userId,
            model.offers[coupon.policy].creation.key == item.offerKey, coupon.issuedAtMs == result.issuedAtMs,
            model.offers[coupon.policy].creation.endsAtMs == result.expiresAtMs
        else { throw Violation(7, "coupon \(item.id) was issued, but no sealed event says so") }
        let isRepeat = result.flags & ResultFlags.repeat != 0
        coverage[isRepeat ? .repeats : .couponsIssued] += 1
        if !isRepeat {
            if item.shownVersions > coupon.versionsBefore || coupons[index].decidedAtMs == coupon.issuedAtMs {
                throw Violation(7, "coupon \(item.id) was issued a second time")
            }
            if item.isClosingAcknowledged {
                throw Violation(4, "coupon \(item.id) was issued after the closing of its policy was acknowledged")
            }
            if coupons[index].isDecisionShown { coverage[.acceptedAnew] += 1 }
            coupons[index].decidedAtMs = coupon.issuedAtMs
            issuedCoupons.append(index)
        }
        try show(index, item, coupon, "issue") { version in
            self.isPossible(result.state, version, of: coupon, request)
        }
    }

    func checkCoupon(
        _ request: Request, _ item: Item, _ code: ResultCode, _ view: CouponViewResult
    ) throws(Violation) {
        guard item.coupon != nil || item.change != nil else { return }
        if item.isShown && code != .ok && code != .idReused {
            try checkForgotten(
                request, item, code,
                Violation(4, "\(request.operation) \(item.id) was accepted before, a repeat got \(code)"))
        }
        switch code {
        case .ok: try checkAccepted(request, item, view)
        case .alreadyUsed, .notUsed, .expired, .minPurchase:
            count(code)
            try checkRefusedUse(request, item, code, view)
        case .notFound, .notOwner: try checkNoCoupon(item, code)
        case .idTooOld: try checkTooOld(request, item)
        case .partOfCheckout:
            coverage[.partsOfCheckouts] += 1
            guard request.operation == .restoreCoupon else {
                throw Violation(0, "\(request.operation) \(item.id) got PART_OF_CHECKOUT")
            }
            try checkRefusedUse(request, item, code, view)
        case .idReused:
            coverage[.idReused] += 1
            if isTakenByCheckout(item.id) { return }
            guard model.operations(item.id).contains(where: { isShowable($0.place) && !isSame($0, item.entry) })
            else { throw Violation(4, "operation \(item.id) is ID_REUSED, which no durable event explains") }
        case .idInFuture: try checkIdInFuture(request, item)
        default: throw Violation(0, "\(request.operation) \(item.id) got \(code), which nothing explains")
        }
    }

    private func count(_ code: ResultCode) {
        switch code {
        case .alreadyUsed: coverage[.alreadyUsed] += 1
        case .notUsed: coverage[.notUsed] += 1
        case .expired: coverage[.couponsExpired] += 1
        default: coverage[.minPurchases] += 1
        }
    }

    private func checkAccepted(_ request: Request, _ item: Item, _ view: CouponViewResult) throws(Violation) {
        guard let index = couponIndices[view.couponId] else {
            throw Violation(0, "coupon \(view.couponId), which nobody asked for, is shown")
        }
        let coupon = try shownCoupon(view)
        let isRepeat = view.flags & ResultFlags.repeat != 0
        guard let change = item.change else {
            return try show(index, item, coupon, "get") { version in self.shows(view, version, of: coupon, request) }
        }
        let found = model.operations(item.id).filter {
            isSame($0, item.entry) && ($0.use == nil || $0.timeMs == view.usedAtMs)
        }
        guard let latest = found.first else {
            throw Violation(5, "\(request.operation) \(item.id) is accepted, but no sealed event says so")
        }
        // A restore does not tell when it was. Its id may have been forgotten and accepted anew before the first reply
        // came: each acceptance stands for the oldest that it can be.
        let unclaimed = found.last {
            $0.timeMs >= request.earliestMs && !changes[change].decidedAtMs.contains($0.timeMs)
        }
        let operation = isRepeat ? latest : unclaimed ?? latest
        if isRepeat {
            coverage[.repeats] += 1
        } else {
            let isKnown = item.isShown && !model.wasForgotten(item.id)
            if isKnown || changes[change].decidedAtMs.contains(operation.timeMs) {
                throw Violation(7, "\(request.operation) \(item.id) was accepted a second time")
            }
            if changes[change].isDecisionShown { coverage[.acceptedAnew] += 1 }
            changes[change].decidedAtMs.append(operation.timeMs)
            coverage[request.operation == .useCoupon ? .couponUses : .couponRestores] += 1
        }
        changes[change].isShown = true
        noteUsed(index, view.state == CouponState.used.rawValue)
        guard let use = operation.use else {
            return try show(index, item, coupon, "restore") { version in
                self.shows(view, version, of: coupon, request) && (isRepeat || version.use == nil)
            }
        }
        guard view.usedAtMs == operation.timeMs, view.discount == use.discount, view.orderId == use.orderId,
            view.purchaseAmount == use.purchaseAmount
        else { throw Violation(4, "use \(item.id) is answered with other amounts than it decided") }
        try show(index, item, coupon, "use") { version in
            isRepeat ? self.isPossible(view.state, version, of: coupon, request) : version.use == item.id
        }
    }

    private func checkRefusedUse(
        _ request: Request, _ item: Item, _ code: ResultCode, _ view: CouponViewResult
    ) throws(Violation) {
        let coupon = try shownCoupon(view)
        guard let index = item.coupon, let entry = item.entry, entry.user == coupon.user else {
            throw Violation(5, "\(request.operation) \(item.id) shows another user's coupon")
        }
        if code == .minPurchase {
            guard case .use(let use) = entry, case .policy(let policy) = model.offers[coupon.policy].creation,
                use.purchaseAmount < policy.minPurchase
            else { throw Violation(0, "use \(item.id) was refused for an amount that is enough") }
        }
        let state: CouponState =
            switch code {
            case .alreadyUsed, .partOfCheckout: .used
            case .expired: .expired
            default: view.state == CouponState.expired.rawValue && code == .notUsed ? .expired : .issued
            }
        guard view.state == state.rawValue else {
            throw Violation(0, "\(request.operation) \(item.id) got \(code), and a coupon in state \(view.state)")
        }
        noteUsed(index, state == .used)
        try show(index, item, coupon, "\(code)") { version in
            let isOfCheckout = version.use.map { self.model.checkout(ofPart: $0) != nil } ?? false
            return self.shows(view, version, of: coupon, request) && (isOfCheckout || code != .partOfCheckout)
        }
    }

    /// Notes which coupons could be restored, as far as replies have shown.
    func noteUsed(_ index: Int, _ isUsed: Bool) {
        usedCoupons.removeAll { $0 == index }
        if isUsed { usedCoupons.append(index) }
    }

    private func checkNoCoupon(_ item: Item, _ code: ResultCode) throws(Violation) {
        guard code == .notOwner else {
            if item.shownVersions > 0, let id = item.coupon.map({ coupons[$0].entry.couponId }) {
                let shown = item.shownVersions
                coverage[.forgottenAnswers] += 1
                try expectForgotten(
                    model.owner(id), Violation(3, "coupon \(id), which was shown, is NOT_FOUND to \(item.id)"),
                    { $0.isForgotten(coupon: id, shown: shown) })
            }
            return
        }
        coverage[.notOwners] += 1
        let coupon = item.coupon.map { coupons[$0].entry }
        guard let entry = item.entry, coupon.map({ $0.userId != entry.user }) ?? false else {
            throw Violation(0, "operation \(item.id) is NOT_OWNER of its own user's coupon")
        }
    }

    // MARK: Lists

    func checkCoupons(
        _ request: Request, _ item: Item, _ header: FrameHeader, _ views: [CouponViewResult]
    ) throws(Violation) {
        var listed: Set<Id128> = []
        for view in views {
            let coupon = try shownCoupon(view)
            guard coupon.user == item.user, item.stateMask == 0 || item.stateMask & (1 << view.state) != 0,
                listed.insert(view.couponId).inserted,
                let index = couponIndices[view.couponId]
            else { throw Violation(0, "coupon \(view.couponId) is in a list that it does not belong to") }
            var listing = item
            listing.shownVersions = 0
            try show(index, listing, coupon, "list") { version in self.shows(view, version, of: coupon, request) }
        }
        if header.flags & Frame.Flags.more != 0 || item.stateMask != 0 { return }
        for id in item.listedBefore where !listed.contains(id) {
            try expectForgotten(
                model.owner(id), Violation(3, "coupon \(id), which was shown, is not in the list of its user"),
                { $0.wasForgotten(id) })
        }
    }

    // MARK: What may be shown

    /// The coupon as the log has it, if the view has its content.
    private func shownCoupon(_ view: CouponViewResult) throws(Violation) -> LogModel.Coupon {
        guard let coupon = model.coupon(view.couponId, issuedAtMs: view.issuedAtMs), coupon.user == view.userId,
            coupon.issuedAtMs == view.issuedAtMs,
            case let creation = model.offers[coupon.policy].creation, creation.key.id == view.policyId,
            creation.endsAtMs == view.expiresAtMs
        else { throw Violation(5, "coupon \(view.couponId) is shown with a content that no sealed event has") }
        return coupon
    }

    /// A reply shows a coupon: no older than what was shown when it was asked for, and in the log for good.
    private func show(
        _ index: Int, _ item: Item, _ coupon: LogModel.Coupon, _ what: String,
        _ matches: (LogModel.CouponVersion) -> Bool
    ) throws(Violation) {
        let first = max(item.shownVersions - coupon.versionsBefore - 1, 0)
        guard let shown = coupon.versions.indices.dropFirst(first).first(where: { matches(coupon.versions[$0]) })
        else {
            throw Violation(
                5, "\(what) of coupon \(coupon.id) shows what it has not been since it was shown: its uses "
                    + "\(coupon.versions.map { "\($0.use?.description ?? "-")" }), of which \(first + 1) were shown")
        }
        guard isShowable(coupon.versions[shown], of: coupon) else {
            throw Violation(5, "\(what) of coupon \(coupon.id) shows an event that a crash could undo")
        }
        coupons[index].shownVersions = max(coupons[index].shownVersions, coupon.versionsBefore + shown + 1)
    }

    /// Whether the coupon can be in this state in this version, at a moment of the request.
    private func isPossible(
        _ state: UInt8, _ version: LogModel.CouponVersion, of coupon: LogModel.Coupon, _ request: Request
    ) -> Bool {
        let endsAtMs = model.offers[coupon.policy].creation.endsAtMs
        switch CouponState(rawValue: state) {
        case .used: return version.use != nil
        case .issued: return version.use == nil && (endsAtMs == 0 || endsAtMs > request.earliestMs)
        case .expired: return version.use == nil && endsAtMs != 0 && endsAtMs <= clockMs
        case nil: return false
        }
    }

    /// Whether a view shows this version, with the use in effect.
    private func shows(
        _ view: CouponViewResult, _ version: LogModel.CouponVersion, of coupon: LogModel.Coupon, _ request: Request
    ) -> Bool {
        let operation = version.operation
        return isPossible(view.state, version, of: coupon, request) && view.usedAtMs == operation?.timeMs ?? 0
            && view.discount == operation?.use?.discount ?? 0
            && view.purchaseAmount == operation?.use?.purchaseAmount ?? 0
            && view.orderId == operation?.use?.orderId ?? .zero
    }

    private func isSame(_ operation: LogModel.CouponOperation, _ entry: Change?) -> Bool {
        let coupon = model.coupons[operation.coupon]
        if let entry, model.parts[entry.id] != nil { return false }
        switch entry {
        case .use(let use):
            return coupon.id == use.couponId && coupon.user == use.userId && operation.use?.orderId == use.orderId
                && operation.use?.purchaseAmount == use.purchaseAmount
        case .restore(let restore):
            return coupon.id == restore.couponId && coupon.user == restore.userId && operation.use == nil
        default: return false
        }
    }

    private func isShowable(_ version: LogModel.CouponVersion, of coupon: LogModel.Coupon) -> Bool {
        version.life < model.life || isShowable(lsn: version.lsn, shard: model.owner(coupon.id))
    }
}
