# follow-ups
fact-reached = 已访谈客户
fact-not-reached = 没有联系上
fact-follow-up-closed = 访谈已结束
status-not-reached = 没有联系上，需再联系
status-reached = 已访谈
follow-up-after-completion = 完工回访
follow-up-low-rating = 评价偏低
follow-up-complaint = 投诉回访
follow-up-outage = 故障回访
case-customer-not-satisfied = 客户不满意
deadline-follow-up = 访谈客户
field-of = 回访对象
field-follow-up = 回访原因
field-completed-at-ms = 完成时间
kind-follow-up = 客户回访
