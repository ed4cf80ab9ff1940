import Engine
import Protocol

/// A message between shards, in a ring.
///
///     request, reply      0 length (4)   4 kind (1)   5 operation (1)   6 code (2)   8 assembly (4)  12 count (4)
///                        16 flags (8)   24 indices (2 each), padded to 8, then entries or results
///     offer notice        0 length (4)   4 kind (1)   8 slot of the offer (4)  16 ordinal (8)  24 units for the
///                        receiver, or when it was closed (8)  32 its terms, as they lie in memory
///     notice known        0 length (4)   4 kind (1)   5 whether the offer of a question is still needed (1)
///                        16 ordinal (8)
enum Message {
    enum Kind: UInt8 {
        /// Entries for the receiver's users; the reply goes to an assembly of the sender.
        case entries = 1
        /// Results for an assembly.
        case results = 2
        /// Changes of the catalogue, with the units for the receiver's stripe.
        case offerCreated = 3
        case offerRestocked = 4
        case offerClosed = 5
        /// The sender knows everything up to this ordinal.
        case noticeKnown = 6
        /// Whether the receiver has records of an offer that may leave.
        case offerAsked = 7
        /// An offer has left.
        case offerRetired = 8
    }

    static let headerSizeBytes = 24
    static let noticeTermsOffset = 32
    static let noticeSizeBytes = noticeTermsOffset + MemoryLayout<OfferTerms>.stride
    static let knownSizeBytes = 24
    /// The most entries in one message, so that rings drain in small steps.
    static let countMax = 1024

    static func bodyOffset(count: Int) -> Int { headerSizeBytes + (count * 2 + 7) / 8 * 8 }
    static func sizeBytes(count: Int, itemSizeBytes: Int) -> Int { bodyOffset(count: count) + count * itemSizeBytes }
}
