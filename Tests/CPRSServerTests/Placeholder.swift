// CPRSServerTests
