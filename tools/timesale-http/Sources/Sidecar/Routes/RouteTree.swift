/// Finds the route of a path: a tree of its segments, walked without copying them.
struct RouteTree: Sendable {
    /// The routes of a path by their method.
    struct Place: Sendable {
        fileprivate(set) var routes: [(method: Method, index: Int)] = []

        func index(of method: Method) -> Int? {
            routes.first { $0.method == method }?.index
        }

        /// For the header `Allow`.
        var methods: [String] {
            let given = routes.map(\.method.rawValue)
            return (given + (given.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]).sorted()
        }
    }

    private struct Node {
        var name: [UInt8]
        var children: [Int] = []
        /// What follows where a segment may be anything.
        var parameter: Int?
        var place = Place()
    }

    private var nodes = [Node(name: [])]

    init(_ routes: [Route]) {
        for (index, route) in routes.enumerated() {
            var node = 0
            for segment in route.path.split(separator: "/") { node = child(of: node, Array(segment.utf8)) }
            precondition(
                nodes[node].place.index(of: route.method) == nil, "\(route.method) \(route.path) is there twice")
            nodes[node].place.routes.append((route.method, index))
        }
    }

    private mutating func child(of node: Int, _ segment: [UInt8]) -> Int {
        let isParameter = segment.first == UInt8(ascii: "{")
        if isParameter, let there = nodes[node].parameter { return there }
        if !isParameter, let there = nodes[node].children.first(where: { nodes[$0].name == segment }) {
            return there
        }
        nodes.append(Node(name: segment))
        let made = nodes.count - 1
        if isParameter { nodes[node].parameter = made } else { nodes[node].children.append(made) }
        return made
    }

    /// The routes of a path, and what stands where they have a parameter; nil if there are none.
    func find(_ path: Substring) -> (place: Place, arguments: [Substring])? {
        let bytes = path.utf8
        guard bytes.first == UInt8(ascii: "/") else { return nil }
        var node = 0
        var arguments: [Substring] = []
        var start = bytes.index(after: bytes.startIndex)
        while start < bytes.endIndex {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
            let segment = bytes[start..<end]
            if let next = nodes[node].children.first(where: { nodes[$0].name.elementsEqual(segment) }) {
                node = next
            } else if let next = nodes[node].parameter, !segment.isEmpty {
                node = next
                arguments.append(path[start..<end])
            } else {
                return nil
            }
            guard end < bytes.endIndex else { break }
            start = bytes.index(after: end)
            // Nothing is at a path that ends with a slash, but at the root.
            if start == bytes.endIndex { return nil }
        }
        let place = nodes[node].place
        return place.routes.isEmpty ? nil : (place, arguments)
    }
}
