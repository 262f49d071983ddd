// CPRSClientTests
