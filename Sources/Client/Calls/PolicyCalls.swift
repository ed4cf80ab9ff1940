// The calls on policies of coupons: what each writes into a frame, and what its answer means.

internal import Protocol

enum CreatePolicy: WireCall {
    static let operation = Operation.createPolicy

    static func answer(_ entry: CreatePolicyEntry, _ reply: Reply, _ index: Int) -> Policy? {
        Policy(reply, index)
    }

    static func unknown(_ entry: CreatePolicyEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .operation(OperationID(wire: entry.operationId)))
    }
}

enum RestockPolicy: WireCall {
    static let operation = Operation.restockPolicy

    static func answer(_ entry: RestockEntry, _ reply: Reply, _ index: Int) -> Policy? {
        Policy(reply, index)
    }

    static func unknown(_ entry: RestockEntry, _ cause: UnknownOutcome.Cause) -> UnknownOutcome {
        UnknownOutcome(cause: cause, subject: .operation(OperationID(wire: entry.operationId)))
    }
}

enum ClosePolicy: WireCall {
    static let operation = Operation.closePolicy

    static func answer(_ entry: OfferIdEntry, _ reply: Reply, _ index: Int) -> Policy? {
        Policy(reply, index)
    }
}

enum GetPolicy: WireCall {
    static let operation = Operation.getPolicy
    static let changes = false

    static func answer(_ entry: OfferIdEntry, _ reply: Reply, _ index: Int) -> Policy? {
        Policy(reply, index)
    }
}

enum ListPolicies: WireCall {
    static let operation = Operation.listPolicies
    static let changes = false

    static func answer(_ entry: ListOffersEntry, _ reply: Reply, _ index: Int) -> PolicyPage? {
        let policies = (0..<reply.header.count).compactMap { Policy(reply, $0) }
        guard policies.count == reply.header.count else { return nil }
        return PolicyPage(policies: policies, next: reply.hasMore ? policies.last?.id : nil)
    }
}

extension Policy {
    init?(_ reply: Reply, _ index: Int) {
        self.init(PolicyResult(reply.body + index * PolicyResult.sizeBytes))
    }
}
