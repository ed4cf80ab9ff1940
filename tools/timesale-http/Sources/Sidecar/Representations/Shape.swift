/// The JSON of an answer, as the OpenAPI document describes it.
indirect enum Shape: Sendable {
    case object(ObjectShape)
    /// `{items, nextCursor}`.
    case list(ObjectShape)
    /// `{results: [...]}`: each is the object, or a problem of its own.
    case results(ObjectShape)
    /// server-sent events whose data are the object.
    case stream(ObjectShape)
    /// Another media type, such as a page.
    case other(mediaType: String)
}

/// The members of an object in answers.
final class ObjectShape: Sendable {
    enum Kind: Sendable {
        /// An id of 64 bits.
        case offerId
        case userId
        case uuid
        case integer
        case number
        case time
        case text
        case flag
        case choice([String])
        case object(ObjectShape)
        case objects(ObjectShape)
        /// Members that are not told one by one.
        case anything
    }

    struct Member: Sendable {
        let name: String
        let kind: Kind
        let about: String
        /// May be null.
        let isNullable: Bool
        /// May be missing.
        let isOptional: Bool

        init(_ name: String, _ kind: Kind, _ about: String, nullable: Bool = false, optional: Bool = false) {
            self.name = name
            self.kind = kind
            self.about = about
            isNullable = nullable
            isOptional = optional
        }
    }

    let name: String
    let about: String
    let members: [Member]
    /// Whether there are members that depend on the kind of the object.
    let isOpen: Bool

    init(_ name: String, _ about: String, open: Bool = false, _ members: [Member]) {
        self.name = name
        self.about = about
        self.members = members
        isOpen = open
    }

    /// The same and more.
    convenience init(_ name: String, _ about: String, adding more: [Member], to base: ObjectShape) {
        self.init(name, about, open: base.isOpen, base.members + more)
    }
}
