class SudoRules
  FilterTable.create
    .register_column(:users, field: :user)
    .register_column(:commands, field: :command, style: :simple)
    .register_column(:tags, field: :tag)
    .register_custom_matcher(:free?) { |table| table.where { tag == 'NOPASSWD:' }.count > 0 }
    .install_filter_methods_on_resource(self, :rows)

  attr_reader :rows

  def initialize(text)
    @rows = text.lines.map do |line|
      found = line.match(/^(?<user>\S+)\s+ALL=\([^)]*\)\s*(?<tag>\S+:)?\s*(?<command>.*)$/)
      next if found.nil?

      row = { user: found['user'], command: found['command'].split(', ') }
      row[:tag] = found['tag'] unless found['tag'].nil?
      row
    end.compact
  end

  def to_s
    'Sudo rules'
  end
end

class Sudo < Inspec.resource(1)
  name 'sudo'

  attr_reader :settings

  def initialize(files)
    text = inspec.command("cat #{files}").stdout
    @settings = Hashie::Mash.new
    @settings.Defaults ||= Hashie::Mash.new
    text.lines.grep(/^Defaults/).each { |line| @settings.Defaults[line.split[1]] = true }
    @rules = SudoRules.new(text)
  end

  def rules
    @rules
  end
end
