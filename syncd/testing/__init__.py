"""What syncd ships for those who write adapters in packages of their own: contract suites, and fakes of the ports.

Nothing in here imports pytest: the suites are classes of plain asynchronous test methods (pytest-asyncio in auto mode
runs them), and syncd itself never imports this package.
"""
