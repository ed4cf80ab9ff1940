import TimesaleClient

/// Reads the newest sales, or policies, of a catalogue that tells them in the order of their creation: it walks through
/// the catalogue once, a few pages at a time, and from then on asks only for its end.
struct NewestOffers<Offer: Sendable, ID: Sendable> {
    /// Of one reading; at the beginning a large catalogue takes several.
    static var pagesMax: Int { 8 }

    /// Those that are kept.
    let countMax: Int
    let pageMax: Int
    /// What comes behind it is read; nil while that is everything.
    private(set) var after: ID?

    init(countMax: Int, pageMax: Int = 1_000) {
        self.countMax = countMax
        self.pageMax = pageMax
    }

    /// At most `countMax`, the oldest first.
    mutating func read(
        id: (Offer) -> ID,
        _ page: (_ after: ID?, _ limit: Int) async throws(TimesaleError) -> (items: [Offer], next: ID?)
    ) async throws(TimesaleError) -> [Offer] {
        var newest: [Offer] = []
        var cursor = after
        for _ in 0..<Self.pagesMax {
            let read: (items: [Offer], next: ID?)
            do throws(TimesaleError) {
                read = try await page(cursor, pageMax)
            } catch {
                // The one to go on from has left the catalogue: next time from the beginning.
                if case .refused(.notFound, _) = error { after = nil }
                throw error
            }
            newest += read.items
            if newest.count > countMax {
                let cut = newest.count - countMax
                after = id(newest[cut - 1])
                newest.removeFirst(cut)
            }
            guard let next = read.next else { break }
            cursor = next
        }
        return newest
    }
}
