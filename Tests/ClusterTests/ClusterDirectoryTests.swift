import Cluster
import Platform
import Raft
import Simulator
import Testing

/// The file that says whose data it is.
@Suite struct ClusterDirectoryTests {
    static let member = ClusterDirectory(
        clusterID: 0xc0ffee, node: node(3), name: "web-1", zone: "a")

    @Test func theFileComesBackAfterACrash() throws {
        let disk = SimulatedDisk(seed: 1)
        let nobody = try ClusterDirectory.read(disk)
        #expect(nobody == nil)
        try Self.member.write(disk)
        disk.powerCycle()
        #expect(try ClusterDirectory.read(disk) == Self.member)
        let other = ClusterDirectory(clusterID: 5, node: node(9), name: "n", zone: nil)
        try other.write(disk)
        disk.powerCycle()
        #expect(try ClusterDirectory.read(disk) == other)
    }

    @Test func theFileIsForPeople() {
        #expect(
            Self.member.text == """
                varve member
                format 1
                cluster 0000000000c0ffee
                node 3
                name web-1
                zone a

                """)
    }

    @Test(arguments: [
        ("", "begins otherwise"),
        ("varve data directory\n", "begins otherwise"),
        ("varve member\nnode 3\n", "names no format"),
        ("varve member\nformat 1\ncluster 12\nnode 3\nname x\n", "names no cluster"),
        ("varve member\nformat 1\ncluster 0000000000000000\nnode 3\nname x\n", "no cluster"),
        ("varve member\nformat 1\ncluster 0000000000000001\nnode 0\nname x\n", "names no node"),
        ("varve member\nformat 1\ncluster 0000000000000001\nnode 1\n", "names no name"),
        ("varve member\nformat 1\nzone\n", "has a line 'zone'"),
        ("varve member\nformat 1\nformat 1\n", "has a line 'format 1'"),
    ])
    func damageIsNamed(text: String, reason: String) throws {
        let error = #expect(throws: NodeError.self) {
            _ = try ClusterDirectory(parsing: text)
        }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func aLaterFormatIsNamedBeforeAllElse() {
        let error = #expect(throws: NodeError.self) {
            _ = try ClusterDirectory(parsing: "varve member\nformat 2\nepoch 7\n")
        }
        #expect(error?.description.contains("has format 2") == true)
    }
}
