import TimesaleClient

extension Problem {
    /// What an error of the client library means to the caller of the HTTP API.
    ///
    /// - Parameter hasKey: whether the request had an Idempotency-Key, so that sending it again is safe.
    init(_ error: TimesaleError, hasKey: Bool) {
        switch error {
        case .refused(let code, let retryAfterMs):
            self.init(refusal: code)
            if retryAfterMs > 1000 { retryAfterSeconds = Int((retryAfterMs + 999) / 1000) }
        case .partRefused(let part, let code):
            self.init(refusal: code)
            let place = part.path
            members.append(("failedAt", place))
            detail = "\(place): \(detail ?? self.code.row.title)"
        case .outcomeUnknown(let unknown):
            self.init(
                .outcomeUnknown,
                hasKey
                    ? "send it again with the same Idempotency-Key to learn the outcome"
                    : "it had no Idempotency-Key: look whether it was done before you send it again")
            isRetryable = hasKey
            if let subject = unknown.subject?.member { members.append(subject) }
        case .trimmed(let oldest):
            self.init(.gone, "the oldest position that is left is \(oldest)")
            members.append(("oldest", oldest.description))
        case .unavailable: self.init(.unavailable, "there is no connection to the engine; nothing was done")
        case .timedOut: self.init(.unavailable, "the engine did not answer in time; nothing was done")
        case .overloaded: self.init(.busy, "the queue to the engine is full; nothing was done")
        case .cancelled, .shutDown: self.init(.unavailable, "the sidecar is stopping; nothing was done")
        case .invalidArgument(let argument): self = .invalid("\(argument)", "does not fit")
        case .protocolViolation:
            self.init(.internalError, "the answer of the engine makes no sense to this sidecar")
        }
    }

    private init(refusal code: RefusalCode) {
        switch code {
        case .invalid: self.init(.invalid)
        case .invalidAmount: self.init(.invalid, "an amount is outside of its range")
        case .invalidPercentage: self.init(.invalid, "a percentage is at most 100")
        case .invalidId, .idTooOld, .idInFuture: self.init(.notFound)
        // The id tells whose it is, in part: it is another user's.
        case .wrongPartition, .notOwner: self.init(.notOwner)
        case .idReused: self.init(.idempotencyKeyReused)
        case .notFound: self.init(.notFound)
        case .alreadyExists: self.init(.alreadyExists)
        case .soldOut: self.init(.soldOut)
        case .limitExceeded: self.init(.limitExceeded)
        case .notStarted: self.init(.notStarted)
        case .ended: self.init(.ended)
        case .closed: self.init(.closed)
        case .confirmed: self.init(.confirmed)
        case .cancelled: self.init(.cancelled)
        case .expired: self.init(.expired)
        case .partOfCheckout: self.init(.partOfCheckout)
        case .insufficientPoints: self.init(.insufficientPoints)
        case .alreadySpent: self.init(.alreadySpent)
        case .exhausted: self.init(.exhausted)
        case .alreadyIssued: self.init(.alreadyIssued)
        case .alreadyUsed: self.init(.alreadyUsed)
        case .notUsed: self.init(.notUsed)
        case .minPurchase: self.init(.minPurchase)
        case .busy: self.init(.busy, "the engine has too much to do at this moment; nothing was done")
        case .capacity: self.init(.capacity)
        case .noSpace: self.init(.noSpace)
        case .shuttingDown: self.init(.unavailable, "the engine is about to stop; nothing was done")
        case .trimmed: self.init(.gone)
        case .unauthenticated, .forbidden:
            self.init(.unavailable, "the engine refuses the token of this sidecar: see --engine-token-file")
        case .unsupportedVersion, .failed, .unknown: self.init(.internalError, "the engine says \(code.name)")
        }
    }
}

extension CheckoutPart {
    /// Where it stands in the request, or in the checkout.
    var path: String {
        switch self {
        case .line(let index): "lines[\(index)]"
        case .order(let number): "orders[\(number)]"
        case .coupon: "couponId"
        case .pointsUsed: "usePoints"
        case .pointsEarned: "earnPoints"
        }
    }
}

extension UnknownOutcome.Subject {
    /// The member of a problem that tells the id.
    var member: (name: StaticString, value: String)? {
        switch self {
        case .order(let id): ("orderId", id.description)
        case .transaction(let id): ("transactionId", id.description)
        case .coupon(let id): ("couponId", id.description)
        case .checkout(let id): ("checkoutId", id.description)
        case .couponOperation, .operation: nil
        }
    }
}
