/// A field of an answer's head.
typealias HeaderField = (name: String, value: String)
