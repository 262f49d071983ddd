// CPRSWireTests
