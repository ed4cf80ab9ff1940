import Glibc
import TimesaleClient

// What the client's errors mean to a person at a terminal.
extension Failure {
    /// - Parameters:
    ///   - address: of the server that was asked.
    ///   - wording: what codes mean to the command.
    ///   - again: the command that repeats the call with its id.
    init(
        _ error: TimesaleError, address: ClientConfiguration.Address, wording: [RefusalCode: String] = [:],
        again: String? = nil
    ) {
        switch error {
        case .refused(let code, _): self.init(code, wording)
        case .partRefused(let part, let code):
            self.init(code, Wording.of(part))
            failedAt = part
        case .outcomeUnknown(let unknown):
            self.init(.unknown, code: "OUTCOME_UNKNOWN", Self.sentence(unknown))
            about = unknown.subject
            self.again = again
        case .unavailable(.refused(let code)): self.init(code, wording)
        case .unavailable(let fault):
            self.init(
                .unavailable, code: "UNAVAILABLE",
                "no timesale server at \(address): \(Self.sentence(fault))",
                advice: [
                    "Start one with: make run",
                    "Another address: --server HOST:PORT, or the variable TIMESALE_SERVER",
                ])
        case .trimmed(let oldest):
            self.init(
                .refused, code: "TRIMMED",
                "what comes behind this position is not kept any more; the oldest one left is \(oldest)",
                advice: [
                    "Keep more of the log: a larger --snapshot-after, or --archive DIR, of the server",
                    "Begin anew: with the state of the server's orders, or with --after \(oldest) and a gap",
                ])
            oldestPosition = "\(oldest)"
        case .timedOut:
            self.init(
                .later, code: "TIMED_OUT", "\(address) gave no answer in time; nothing was changed",
                advice: ["More time: --timeout 30s"])
        case .overloaded: self.init(.later, code: "OVERLOADED", "too many calls at once; nothing was sent")
        case .cancelled, .shutDown:
            self.init(.refused, code: "INTERRUPTED", "interrupted; nothing was changed")
        case .invalidArgument(.name):
            self.init(
                .usage, code: "USAGE", "a name has at most 78 bytes of UTF-8, and no control characters")
        case .invalidArgument(.reason):
            self.init(
                .usage, code: "USAGE", "a reason has at most 31 bytes of UTF-8, and no control characters")
        case .invalidArgument(.token):
            self.init(
                .denied, code: "UNAUTHENTICATED",
                "a token has at most 78 bytes of UTF-8, and no control characters")
        case .invalidArgument(.limit):
            self.init(.usage, code: "USAGE", "a page holds 1 to 1000, a tail fetches 1 to 4096")
        case .invalidArgument(.lines): self.init(.usage, code: "USAGE", "a checkout has 1 to 16 lines")
        case .invalidArgument(.coupon):
            self.init(.usage, code: "USAGE", "a coupon's id is not all zeros")
        case .protocolViolation:
            self.init(
                .broken, code: "PROTOCOL_VIOLATION",
                "what \(address) answers makes no sense; is it a timesale server of this version?")
        }
        isRetryable = error.isRetryable
    }

    private init(_ code: RefusalCode, _ wording: [RefusalCode: String]) {
        let status: ExitStatus =
            switch code {
            case .unauthenticated, .forbidden: .denied
            case .busy, .capacity, .noSpace, .shuttingDown: .later
            default: .refused
            }
        self.init(status, code: code.name, wording[code] ?? Self.sentence(code))
        if status == .denied {
            advice = ["A token is given with --token-file FILE, or in the variable TIMESALE_TOKEN"]
        }
        isRetryable = code.isRetryable
    }

    private static func sentence(_ fault: ConnectionFault) -> String {
        switch fault {
        case .connecting: "it did not answer in time"
        case .unreachable(ECONNREFUSED): "nobody listens there"
        case .unreachable(ENOENT): "there is no such socket"
        case .unreachable(0): "the address is not known"
        case .unreachable(let errno): String(cString: strerror(errno))
        case .noHandshake: "who listens there does not speak its protocol"
        case .refused(let code): sentence(code)
        case .closed: "it closed the connection"
        }
    }

    private static func sentence(_ unknown: UnknownOutcome) -> String {
        let what =
            switch unknown.subject {
            case .order: "the order"
            case .transaction: "the transaction"
            case .coupon: "the issuing"
            case .checkout: "the checkout"
            case .couponOperation, .operation, nil: "the operation"
            }
        return switch unknown.cause {
        case .timedOut: "no answer in time: \(what) may or may not have been done"
        case .cancelled, .shutDown: "interrupted: \(what) may or may not have been done"
        case .refusedAfterLoss(let code):
            "the connection was lost, then the answer was \(code): \(what) may or may not have been done"
        case .protocolViolation: "the answer makes no sense: \(what) may or may not have been done"
        }
    }

    private static func sentence(_ code: RefusalCode) -> String {
        switch code {
        case .unsupportedVersion: "the server speaks another version of the protocol"
        case .unauthenticated: "the server does not know this token"
        case .forbidden: "this needs a token with the scope admin"
        case .invalid: "the server takes no such value"
        case .invalidId: "this is no id of an order or operation"
        case .wrongPartition: "the id was made for another user"
        case .idTooOld: "the id is older than the server remembers"
        case .idInFuture: "the id was made more than 5 minutes ahead of the server's clock"
        case .idReused: "this id was used for something else"
        case .notFound: "there is nothing with this id"
        case .alreadyExists: "there is, or was, one with this id"
        case .invalidAmount: "no such amount is possible"
        case .soldOut: "fewer units are left than wanted; cancelled and expired ones sell again"
        case .limitExceeded: "the sale allows a user no more"
        case .notStarted: "it has not started"
        case .ended: "it has ended"
        case .closed: "it is closed"
        case .confirmed: "the order is confirmed already"
        case .cancelled: "it is cancelled"
        case .expired: "its time is over"
        case .partOfCheckout: "it ends only with its checkout"
        case .insufficientPoints: "the user has fewer points than that"
        case .alreadySpent: "some of these points are spent; cancel their use first"
        case .exhausted: "no coupon is left"
        case .alreadyIssued: "the policy gives a user no more"
        case .notOwner: "the coupon is another user's"
        case .alreadyUsed: "the coupon is used"
        case .notUsed: "the coupon is not used"
        case .minPurchase: "the purchase is smaller than the policy asks for"
        case .invalidPercentage: "a percentage is at most 100"
        case .busy: "the server is too busy"
        case .capacity: "a table of the server is full"
        case .noSpace: "the server's disk is full"
        case .shuttingDown: "the server is about to stop"
        case .trimmed: "what was asked for is not kept any more"
        case .failed: "the server could not do it; its messages say why"
        case .unknown: "the server refuses, for a reason that this tool does not know"
        }
    }
}
