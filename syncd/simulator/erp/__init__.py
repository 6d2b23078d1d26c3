"""A simulated ERP that speaks the REST contract of docs/erp-contract, with a truth of its own and faults to order.

book.py      its stock: a journal of entries, moves by key, documents
faults.py    the dials
server.py    the contract over HTTP
control.py   the hand from outside: products, receipts, the ERP's own sales, faults, the truth
__main__.py  `python -m syncd.simulator.erp --port 8090`
"""
