/**
 * The bodies of the gateway's API by short names. They are generated (`schema.d.ts`, from the OpenAPI document); here
 * closed sets of words and numbers are put where the document can only say `integer` or `string`.
 */
import type { components } from './schema'

type Bodies = components['schemas']
type Narrow<T, N> = Omit<T, keyof N> & N

/** 1 (I, red) to 4 (IV, blue). */
export type Severity = 1 | 2 | 3 | 4
/** One number for each severity, I to IV. */
export type BySeverity = readonly [number, number, number, number]
/** What kind of equipment; picks the icon. */
export type Category = 'kitchen' | 'elevator' | 'boiler' | 'gas' | 'ride' | 'vessel' | 'crane' | 'edge'

/** Why people are told of an alarm. */
export type Occasion = 'raised' | 'worsened' | 'recurred' | 'resumed' | 'returned' | 'escalated'
/** How a channel sends. */
export type ChannelKind = 'wecom' | 'dingtalk' | 'feishu' | 'webhook' | 'email' | 'sms' | 'siren'

export type Acknowledge = Bodies['Acknowledge']
export type Alarm = Narrow<Bodies['Alarm'], { severity: Severity }>
export type AlarmCount = Narrow<
  Bodies['AlarmCount'],
  { waiting: BySeverity; answered: BySeverity; set_aside: BySeverity }
>
export type AlarmDetail = Narrow<
  Bodies['AlarmDetail'],
  { severity: Severity; similar: SimilarAlarm[]; rule_then?: Rule | null }
>
export type AlarmEvent = Bodies['AlarmEvent']
export type AlarmNotice = Narrow<Bodies['AlarmNotice'], { severity: Severity; occasion: Occasion }>
export type AlarmGroup = Narrow<
  Bodies['AlarmGroup'],
  { waiting: BySeverity; answered: BySeverity; set_aside: BySeverity; first: Alarm }
>
export type AlarmGrouping = 'site' | 'edge' | 'rule'
export type AlarmGroups = Narrow<Bodies['AlarmGroups'], { groups: AlarmGroup[] }>
export type AlarmPage = Narrow<Bodies['AlarmPage'], { alarms: Alarm[] }>
export type AlarmQuality = Narrow<
  Bodies['AlarmQuality'],
  {
    whole: QualityFigures
    offices: OfficeQuality[]
    townships: TownshipQuality[]
    devices: DeviceQuality[]
  }
>
export type AlarmState = Bodies['AlarmState']
export type Amended = Bodies['Amended']
export type AmendmentReach = Bodies['AmendmentReach']
export type Assignees = Bodies['Assignees']
export type AcknowledgedMany = Narrow<Bodies['AcknowledgedMany'], { acknowledged: Alarm[] }>
export type AuditEntry = Bodies['AuditEntry']
export type AuditPage = Bodies['AuditPage']
export type BadActor = Bodies['BadActor']
export type Bucket = Bodies['Bucket']
export type Case = Narrow<Bodies['Case'], { severity: Severity }>
export type CaseDetail = Narrow<Bodies['CaseDetail'], { severity: Severity; alarms: Alarm[] }>
export type CaseEvent = Bodies['CaseEvent']
export type CasePage = Narrow<Bodies['CasePage'], { cases: Case[] }>
export type CasePhoto = Bodies['CasePhoto']
export type CaseState = Bodies['CaseState']
export type CaseStepKind = Bodies['CaseStepKind']
export type CauseCode = Bodies['CauseCode']
export type AlarmCamera = Bodies['AlarmCamera']
export type Camera = Bodies['Camera']
export type ClimbingAlarm = Bodies['ClimbingAlarm']
export type ContactDraft = Bodies['ContactDraft']
export type DeadChannels = Bodies['DeadChannels']
export type Delivery = Bodies['Delivery']
export type DeviceDetail = Narrow<Bodies['DeviceDetail'], { rules: Rule[]; gaps: Gap[] }>
export type DeviceDraft = Bodies['DeviceDraft']
export type DeviceLive = Narrow<Bodies['DeviceLive'], { worst?: Severity | null }>
export type DeviceQuality = QualityFigures & { device: string; device_name: string }
export type DeviceSummary = Bodies['DeviceSummary']
export type DiscoveredDevice = Bodies['DiscoveredDevice']
export type EdgeNode = Bodies['EdgeNode']
export type Entrapment = Bodies['Entrapment']
export type Escalation = Bodies['Escalation']
export type FieldError = Bodies['FieldError']
export type Gap = Narrow<Bodies['Gap'], { severity?: Severity | null }>
export type History = Narrow<Bodies['History'], { points: Point[]; buckets: Bucket[] }>
export type Handover = Bodies['Handover']
export type ImportReport = Narrow<Bodies['ImportReport'], { gaps: ImportedGap[]; gap_count: number }>
export type ImportedGap = Gap & { device: string }
export type Ledger = Bodies['Ledger']
export type LedgerFigures = Bodies['LedgerFigures']
export type LedgerGap = Bodies['LedgerGap']
export type LinkState = Bodies['LinkState']
export type Me = Bodies['Me']
export type Metric = Bodies['Metric']
export type MetricLive = Bodies['MetricLive']
export type Milestone = Bodies['Milestone']
export type NextRung = Bodies['NextRung']
export type NodeCredential = Bodies['NodeCredential']
export type NoticeAudience = Bodies['NoticeAudience']
export type NotifyChannel = Narrow<Bodies['NotifyChannel'], { mildest: Severity; kind: ChannelKind }>
export type OperatorQuality = Bodies['OperatorQuality']
export type Office = Bodies['Office']
export type OfficeQuality = QualityFigures & { office: string; measures: QualityMeasure[] }
export type OnDuty = Bodies['OnDuty']
export type OutOfService = Bodies['OutOfService']
export type Owner = Bodies['Owner']
export type Permission = Bodies['Permission']
export type Places = Bodies['Places']
export type Point = Bodies['Point']
export type Problem = Bodies['Problem']
export type NameplateKey = Narrow<Bodies['NameplateKey'], { severity?: Severity | null }>
export type Profile = Narrow<Bodies['Profile'], { category: Category; nameplate_keys: NameplateKey[] }>
export type Quality = Bodies['Quality']
export type QualityDelay = Bodies['QualityDelay']
export type QuietHours = Bodies['QuietHours']
export type QualityFigures = Narrow<Bodies['QualityFigures'], { by_severity: BySeverity }>
export type QualityMeasure = Bodies['QualityMeasure']
export type RegisteredDevice = DeviceDraft & { gaps: Gap[] }
export type Role = Bodies['Role']
export type Roster = Bodies['Roster']
export type Rule = Narrow<Bodies['Rule'], { severity: Severity; ways: RuleWay[] }>
export type RuleLimit = Bodies['RuleLimit']
export type RuleWay = Narrow<Bodies['RuleWay'], { severity: Severity }>
export type RuleSource = Bodies['RuleSource']
export type RuleTestOutcome = Bodies['RuleTestOutcome']
export type RuleTestReport = Bodies['RuleTestReport']
export type SeriesHistory = Narrow<Bodies['SeriesHistory'], { points: Point[]; buckets: Bucket[] }>
export type Shift = Bodies['Shift']
export type ShiftDraft = Bodies['ShiftDraft']
export type SimilarAlarm = Narrow<Bodies['SimilarAlarm'], { severity: Severity }>
export type Site = Bodies['Site']
export type StateHistory = Bodies['StateHistory']
export type Storage = Bodies['Storage']
export type StorageProfile = Bodies['StorageProfile']
export type Storing = Bodies['Storing']
export type Township = Bodies['Township']
export type TownshipQuality = QualityFigures & { township: string; measures: QualityMeasure[] }
export type User = Bodies['User']
export type UserDraft = Bodies['UserDraft']
export type Value = Bodies['Value']
export type Version = Bodies['Version']

export type Snapshot = Narrow<
  Bodies['Snapshot'],
  { type: 'snapshot'; devices: DeviceLive[]; alarms: Alarm[]; alarm_counts: AlarmCount[] }
>
export type Delta = Narrow<
  Bodies['Delta'],
  { type: 'delta'; devices?: DeviceLive[]; alarms?: Alarm[]; alarm_counts?: AlarmCount[] }
>
export type LiveMessage = Snapshot | Delta | { type: 'heartbeat'; at_ms: number } | { type: 'session_ended' }
