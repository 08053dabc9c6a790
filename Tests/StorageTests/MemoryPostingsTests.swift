import Model
import Storage
import Testing

struct MemoryPostingsTests {
    private static let other = Tenant("other") ?? .standard

    /// 60 series of two tenants; every third has no `zone`.
    private static func filled() -> (MemoryPostings, [(Tenant, Labels)]) {
        var postings = MemoryPostings()
        var expected: [(Tenant, Labels)] = []
        for index in 0..<60 {
            var pairs = [
                ("__name__", index % 2 == 0 ? "cpu" : "mem"), ("host", "h\(index / 2)"),
            ]
            if index % 3 != 0 { pairs.append(("zone", "z\(index % 5)")) }
            let tenant = index % 7 == 0 ? other : Tenant.standard
            let labels = Labels(pairs)
            #expect(postings.append(tenant: tenant, labels: labels) == UInt32(index))
            expected.append((tenant, labels))
        }
        return (postings, expected)
    }

    @Test func slotsAreFoundInAnyOrder() {
        var catalog = SeriesCatalog()
        let ids = (0..<100).map { number in
            let labels = Labels([("n", String(number))])
            let id = SeriesID(tenant: .standard, labels: labels)
            #expect(catalog.append(tenant: .standard, id: id, labels: labels) == UInt32(number))
            return id
        }
        let stranger = SeriesID(high: 1, low: ids[50].low)
        #expect(catalog.slots(of: ids) == Array(0..<100))
        #expect(catalog.slots(of: ids.reversed()) == (0..<100).reversed())
        #expect(
            catalog.slots(of: [ids[98], ids[99], stranger, ids[0], stranger, ids[1], ids[1]])
                == [98, 99, SeriesCatalog.none, 0, SeriesCatalog.none, 1, 1])
    }

    @Test func givesBackLabelsAndTenants() {
        let (postings, expected) = Self.filled()
        for (index, (tenant, labels)) in expected.enumerated() {
            #expect(postings.labels(of: UInt32(index)) == labels)
            #expect(postings.tenant(of: UInt32(index)) == tenant)
        }
    }

    @Test(arguments: [
        [("__name__", "=", "cpu")], [("__name__", "=", "cpu"), ("zone", "=", "z1")],
        [("zone", "=", "")], [("zone", "!=", "")], [("zone", "!=", "z1")],
        [("zone", "=~", "z[12]")], [("zone", "=~", "z[12]|")], [("zone", "!~", "z[12]")],
        [("zone", "!~", ".+")], [("nothing", "=", "x")], [("nothing", "!=", "x")],
        [("host", "=~", "h1.*"), ("__name__", "!=", "mem")], [("__name__", "=", "none")],
        [("host", "=", "h3"), ("zone", "=~", ".*")], [("", "=", "default")], [("", "!=", "x")],
    ])
    func selectsWhatTheMatchersMatch(_ table: [(String, String, String)]) throws {
        let (postings, expected) = Self.filled()
        let matchers = try table.map { name, operation, value in
            try Matcher(name, try #require(Matcher.Operation(rawValue: operation)), value)
        }
        let selector = Selector(matchers)
        for tenant in [Tenant.standard, Self.other] {
            let wanted = expected.indices.filter {
                expected[$0].0 == tenant && selector.matches(expected[$0].1)
            }
            #expect(postings.select(tenant: tenant, selector: selector).map(Int.init) == wanted)
        }
    }

    @Test func alternativesAreUnited() throws {
        let (postings, expected) = Self.filled()
        let selector = Selector(alternatives: [
            [Matcher("zone", equals: "z1")], [Matcher("host", equals: "h3")],
        ])
        let wanted = expected.indices.filter {
            expected[$0].0 == .standard && selector.matches(expected[$0].1)
        }
        #expect(postings.select(tenant: .standard, selector: selector).map(Int.init) == wanted)
    }

    @Test func listsNamesAndValues() {
        let (postings, _) = Self.filled()
        let all = postings.select(tenant: .standard, selector: .everything)
        #expect(postings.labelNames(of: all) == ["__name__", "host", "zone"])
        #expect(postings.labelValues("zone", of: all) == ["z0", "z1", "z2", "z3", "z4"])
        #expect(postings.labelValues("none", of: all) == [])
        #expect(postings.labelValues("", of: all) == [])
    }

    @Test func anUnknownTenantHasNothing() throws {
        let (postings, _) = Self.filled()
        let nobody = try #require(Tenant("nobody"))
        #expect(postings.select(tenant: nobody, selector: .everything).isEmpty)
    }

    @Test func aCopyIsNotChangedByLaterSeries() {
        var (postings, _) = Self.filled()
        let copy = postings
        postings.append(tenant: .standard, labels: Labels([("__name__", "late")]))
        #expect(copy.count == 60)
        #expect(postings.count == 61)
        #expect(
            copy.select(
                tenant: .standard, selector: Selector([Matcher("__name__", equals: "late")])
            ).isEmpty)
    }
}
