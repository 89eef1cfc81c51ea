# prices, paid services, money, hand-overs
fact-priced = 定价
fact-price-approved = 价格已批准
fact-price-rejected = 价格未批准
fact-price-item-ended = 项目停用
fact-notified = 已通知部门
fact-quality-checked = 质量检查
fact-acceptance = 客户验收
fact-key-used = 使用钥匙
fact-matter-listed = 交接事项
fact-keys-listed = 钥匙清点
fact-radios-listed = 对讲机清点
fact-cash-counted = 现金清点
fact-handed-over = 已交班
fact-taken-over = 已接班
