import TimesaleClient

/// What of a sale or policy decides its place on the dashboard.
protocol LiveOffer: Sendable {
    associatedtype Number: Hashable & Sendable
    var id: Number { get }
    var createdAtMs: UInt64 { get }
    var beginsAtMs: UInt64 { get }
    var isScheduled: Bool { get }
    /// Something can be had now.
    var isOpen: Bool { get }
    /// Nothing more can be had, not even behind a restock.
    var isOver: Bool { get }
}

extension Sale: LiveOffer {
    var beginsAtMs: UInt64 { startsAtMs }
    var isScheduled: Bool { state == .scheduled }
    var isOpen: Bool { state == .open }
    var isOver: Bool { state == .ended || state == .closed }
}

extension Policy: LiveOffer {
    var beginsAtMs: UInt64 { validFromMs }
    var isScheduled: Bool { state == .scheduled }
    var isOpen: Bool { state == .open }
    var isOver: Bool { state == .ended || state == .closed }
}

/// Sales, or policies, of the dashboard: those that matter most.
struct LiveOffers<Offer: LiveOffer>: Sendable {
    /// Those shown.
    static var countMax: Int { 100 }

    private(set) var shown: [Offer] = []
    /// Whether there are more.
    private(set) var isCut = false

    init() {}

    /// - Parameters:
    ///   - read: some of the catalogue; one may be among them twice.
    ///   - isWhole: whether that is all there is.
    init(_ read: [Offer], isWhole: Bool) {
        var seen: Set<Offer.Number> = []
        let all = read.filter { seen.insert($0.id).inserted }
        let first = all.sorted { ($0.weight, $0.createdAtMs) > ($1.weight, $1.createdAtMs) }.prefix(Self.countMax)
        isCut = !isWhole || all.count > first.count
        // In an order that does not change when something is sold out: what runs, what comes, what is over.
        shown = first.sorted { left, right in
            guard left.group == right.group else { return left.group < right.group }
            if left.group == 1, left.beginsAtMs != right.beginsAtMs { return left.beginsAtMs < right.beginsAtMs }
            return left.createdAtMs > right.createdAtMs
        }
    }
}

extension LiveOffer {
    /// What stays if not all find a place.
    fileprivate var weight: Int { isOpen ? 3 : isScheduled ? 2 : isOver ? 0 : 1 }
    fileprivate var group: Int { isScheduled ? 1 : isOver ? 2 : 0 }
}
