/// What may be done at a path.
enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
}
