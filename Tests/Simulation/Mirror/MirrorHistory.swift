import Engine

/// The counts of every offer at every sequence of this life, from the oracle's model of the log.
struct MirrorHistory {
    struct Counts: Equatable {
        var stock: UInt64
        var held: UInt64
        var sold: UInt64
        var isClosed: Bool
        var isRetired: Bool
    }

    private var offers: [OfferKey: [(sequence: UInt64, counts: Counts)]] = [:]

    /// What the log says up to a sequence, for all offers.
    mutating func note(_ model: LogModel, sequence: UInt64) {
        for (index, offer) in model.offers.enumerated() {
            let units = model.totals(index)
            let counts = Counts(
                stock: offer.stock, held: UInt64(units.held), sold: UInt64(units.sold), isClosed: offer.closed != nil,
                isRetired: offer.retired != nil)
            if offers[offer.creation.key]?.last?.counts != counts {
                offers[offer.creation.key, default: []].append((sequence, counts))
            }
        }
    }

    /// The counts at a sequence; nil: there was no such offer.
    func counts(_ key: OfferKey, at sequence: UInt64) -> Counts? {
        offers[key]?.last { $0.sequence <= sequence }?.counts
    }
}
