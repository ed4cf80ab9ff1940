import Engine
import Protocol

/// What stands in Redis, under which keys: `docs/redis.md`.
public struct MirrorKeys {
    /// Before every key.
    public let prefix: String

    public init(prefix: String) { self.prefix = prefix }

    public var position: String { prefix + "timesale:mirror" }
    public var events: String { prefix + "timesale:events" }

    /// The hash of an offer. The braces are a hash tag: all keys of one sale share a slot of a cluster.
    public func counts(_ kind: OfferKind, _ id: UInt64) -> String {
        prefix + (kind == .sale ? "timesale:{\(id)}" : "coupon:{\(id)}")
    }

    /// The plain number beside the hash of a sale.
    public func available(_ kind: OfferKind, _ id: UInt64) -> String? {
        kind == .sale ? counts(kind, id) + ":available" : nil
    }
}

extension CountTable.Row {
    /// The state in which an offer shows itself.
    func state(_ facts: OfferFacts, nowMs: UInt64) -> SaleState {
        if facts.closedAtMs != 0 { return .closed }
        if facts.terms.endsAtMs != 0 && nowMs >= facts.terms.endsAtMs { return .ended }
        if nowMs < facts.terms.startsAtMs { return .scheduled }
        return available == 0 ? .soldOut : .open
    }

    /// The fields of the hash.
    func fields(_ facts: OfferFacts, nowMs: UInt64) -> [(String, String)] {
        let state = state(facts, nowMs: nowMs)
        switch facts.terms.kind {
        case .sale:
            return [
                ("name", facts.name.text), ("stock", "\(facts.stock)"), ("available", "\(available)"),
                ("held", "\(held)"), ("sold", "\(sold)"), ("state", state.text),
                ("starts_at", "\(facts.terms.startsAtMs)"), ("ends_at", "\(facts.terms.endsAtMs)"),
            ]
        case .policy:
            return [
                ("name", facts.name.text), ("quantity", "\(facts.stock)"), ("remaining", "\(available)"),
                ("issued", "\(held &+ sold)"), ("used", "\(sold)"),
                ("state", state == .soldOut ? "exhausted" : state.text),
                ("valid_from", "\(facts.terms.startsAtMs)"), ("valid_until", "\(facts.terms.endsAtMs)"),
            ]
        }
    }
}

extension SaleState {
    /// As over HTTP.
    fileprivate var text: String {
        switch self {
        case .scheduled: "scheduled"
        case .open: "open"
        case .soldOut: "soldOut"
        case .ended: "ended"
        case .closed: "closed"
        }
    }
}
